ALTER TABLE "outbox" DROP CONSTRAINT "outbox_kind_known";--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "variant_key" bigint;--> statement-breakpoint
CREATE INDEX "outbox_mailing_tests" ON "outbox" USING btree ("organization_key","created_at") WHERE kind = 'mailing_test';--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_kind_known" CHECK (kind in ('signed', 'already_signed', 'subscribed', 'reminder', 'manage', 'unsubscribe_links', 'unsubscribed', 'email_apply', 'email_notice', 'mailing_test'));