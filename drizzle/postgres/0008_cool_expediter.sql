ALTER TABLE "mailings" ADD COLUMN "judged_from" jsonb;--> statement-breakpoint
ALTER TABLE "sending_pace" ADD COLUMN "setbacks" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sending_pace" ADD COLUMN "window_mails" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sending_pace" ADD COLUMN "window_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "mailings_ending" ON "mailings" USING btree ("key") WHERE state in ('done', 'cancelled') and finished_at is null;