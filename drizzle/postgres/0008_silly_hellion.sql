ALTER TABLE "mailings" ADD COLUMN "judged_from" jsonb;--> statement-breakpoint
ALTER TABLE "sending_pace" ADD COLUMN "setbacks" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sending_pace" ADD COLUMN "window_mails" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sending_pace" ADD COLUMN "window_at" timestamp (3) with time zone;