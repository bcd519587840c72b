ALTER TABLE "mailings" ADD COLUMN "forgotten_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "sending_pace" ADD COLUMN "window_slow" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "mailings_remembered" ON "mailings" USING btree ("finished_at") WHERE state in ('done', 'cancelled') and forgotten_at is null;