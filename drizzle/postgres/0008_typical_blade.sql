ALTER TABLE "mailing_recipients" DROP CONSTRAINT "mailing_recipients_subscription_key_subscriptions_key_fk";
--> statement-breakpoint
ALTER TABLE "mailing_recipients" DROP CONSTRAINT "mailing_recipients_variant_key_mailing_variants_key_fk";
