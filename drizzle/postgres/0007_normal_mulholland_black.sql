ALTER TABLE "contacts" ADD COLUMN "given_name" text;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "family_name" text;--> statement-breakpoint
ALTER TABLE "paper_signatures" ADD COLUMN "given_name" text;--> statement-breakpoint
ALTER TABLE "paper_signatures" ADD COLUMN "family_name" text;--> statement-breakpoint
ALTER TABLE "signatures" ADD COLUMN "given_name" text;--> statement-breakpoint
ALTER TABLE "signatures" ADD COLUMN "family_name" text;--> statement-breakpoint
ALTER TABLE "supporters" ADD COLUMN "given_name" text;--> statement-breakpoint
ALTER TABLE "supporters" ADD COLUMN "family_name" text;