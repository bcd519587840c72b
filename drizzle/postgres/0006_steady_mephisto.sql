CREATE TABLE "word_lists" (
	"organization_key" bigint PRIMARY KEY NOT NULL,
	"words" jsonb NOT NULL,
	"version" integer NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "test" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "test_email" text;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "test_of" bigint;--> statement-breakpoint
ALTER TABLE "petitions" ADD COLUMN "test" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "supporters" ADD COLUMN "test_organization_key" bigint;--> statement-breakpoint
ALTER TABLE "word_lists" ADD CONSTRAINT "word_lists_organization_key_organizations_key_fk" FOREIGN KEY ("organization_key") REFERENCES "public"."organizations"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "supporters" ADD CONSTRAINT "supporters_test_organization_key_organizations_key_fk" FOREIGN KEY ("test_organization_key") REFERENCES "public"."organizations"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "organizations_test_of" ON "organizations" USING btree ("test_of") WHERE test_of is not null;--> statement-breakpoint
CREATE INDEX "supporters_test" ON "supporters" USING btree ("test_organization_key") WHERE test_organization_key is not null;