CREATE TABLE `confirmation_requests` (
	`key` integer PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`supporter_key` integer NOT NULL,
	`signature_key` integer,
	`petition_key` integer,
	`data` text,
	`opt_ins` text,
	`origin` text NOT NULL,
	`locale` text NOT NULL,
	`source` text,
	`created_at` integer NOT NULL,
	`confirmed_at` integer,
	`refused_at` integer,
	`reminders` integer DEFAULT 0 NOT NULL,
	`remind_at` integer,
	`code` blob,
	`code_tries` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`signature_key`) REFERENCES `signatures`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `confirmation_requests_supporter` ON `confirmation_requests` (`supporter_key`,`key`);--> statement-breakpoint
CREATE INDEX `confirmation_requests_remind` ON `confirmation_requests` (`remind_at`) WHERE remind_at is not null;--> statement-breakpoint
CREATE TABLE `consent_texts` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`organization_key` integer NOT NULL,
	`locale` text NOT NULL,
	`version` integer NOT NULL,
	`text` text NOT NULL,
	`hash` blob NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `consent_texts_publicId_unique` ON `consent_texts` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `consent_texts_version` ON `consent_texts` (`organization_key`,`locale`,`version`);--> statement-breakpoint
CREATE TABLE `consents` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`organization_key` integer NOT NULL,
	`supporter_key` integer,
	`subject` blob NOT NULL,
	`action` text NOT NULL,
	`origin` text NOT NULL,
	`consent_text_key` integer,
	`petition_key` integer,
	`source` text,
	`evidence` text,
	`created_at` integer NOT NULL,
	`proof` blob NOT NULL,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`consent_text_key`) REFERENCES `consent_texts`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "consents_action_known" CHECK(action in ('requested', 'granted', 'declined', 'withdrawn', 'suppressed'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `consents_publicId_unique` ON `consents` (`public_id`);--> statement-breakpoint
CREATE INDEX `consents_supporter` ON `consents` (`supporter_key`,`organization_key`,`key`);--> statement-breakpoint
CREATE INDEX `consents_subject` ON `consents` (`subject`);--> statement-breakpoint
CREATE TABLE `do_not_contact` (
	`hash` blob PRIMARY KEY NOT NULL,
	`reason` text NOT NULL,
	`created_at` integer NOT NULL,
	CONSTRAINT "do_not_contact_reason_known" CHECK(reason in ('bounce', 'complaint', 'request'))
);
--> statement-breakpoint
CREATE TABLE `email_changes` (
	`key` integer PRIMARY KEY NOT NULL,
	`supporter_key` integer NOT NULL,
	`status` text NOT NULL,
	`old_identity` text NOT NULL,
	`old_delivery` text NOT NULL,
	`new_identity` text NOT NULL,
	`new_delivery` text NOT NULL,
	`created_at` integer NOT NULL,
	`applied_at` integer,
	`undone_at` integer,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `email_changes_supporter` ON `email_changes` (`supporter_key`,`key`);--> statement-breakpoint
CREATE TABLE `link_keys` (
	`id` integer PRIMARY KEY NOT NULL,
	`sealed` blob NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `link_tokens` (
	`hash` blob PRIMARY KEY NOT NULL,
	`purpose` text NOT NULL,
	`supporter_key` integer NOT NULL,
	`request_key` integer,
	`email_change_key` integer,
	`epoch` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`request_key`) REFERENCES `confirmation_requests`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`email_change_key`) REFERENCES `email_changes`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "link_tokens_purpose_known" CHECK(purpose in ('confirm', 'manage', 'session', 'email_apply', 'email_undo'))
);
--> statement-breakpoint
CREATE INDEX `link_tokens_supporter` ON `link_tokens` (`supporter_key`);--> statement-breakpoint
CREATE INDEX `link_tokens_expires` ON `link_tokens` (`expires_at`);--> statement-breakpoint
CREATE TABLE `mailings` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`organization_key` integer NOT NULL,
	`petition_key` integer,
	`handle` blob NOT NULL,
	`name` text NOT NULL,
	`source` text,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mailings_publicId_unique` ON `mailings` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `mailings_handle_unique` ON `mailings` (`handle`);--> statement-breakpoint
CREATE INDEX `mailings_organization` ON `mailings` (`organization_key`,`key`);--> statement-breakpoint
CREATE TABLE `outbox` (
	`key` integer PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`supporter_key` integer,
	`request_key` integer,
	`petition_key` integer,
	`organization_key` integer,
	`subscription_key` integer,
	`email_change_key` integer,
	`locale` text,
	`state` text NOT NULL,
	`reason` text,
	`attempts` integer NOT NULL,
	`recipient` blob,
	`due_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`settled_at` integer,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`request_key`) REFERENCES `confirmation_requests`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`subscription_key`) REFERENCES `subscriptions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`email_change_key`) REFERENCES `email_changes`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "outbox_kind_known" CHECK(kind in ('signed', 'already_signed', 'subscribed', 'reminder', 'manage', 'unsubscribe_links', 'unsubscribed', 'email_apply', 'email_notice')),
	CONSTRAINT "outbox_state_known" CHECK(state in ('queued', 'sending', 'sent', 'dropped', 'failed'))
);
--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`due_at`) WHERE settled_at is null;--> statement-breakpoint
CREATE INDEX `outbox_supporter` ON `outbox` (`supporter_key`,`key`);--> statement-breakpoint
CREATE INDEX `outbox_recipient` ON `outbox` (`recipient`,`key`) WHERE recipient is not null;--> statement-breakpoint
CREATE TABLE `subscriptions` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`organization_key` integer NOT NULL,
	`supporter_key` integer NOT NULL,
	`status` text NOT NULL,
	`handle` blob NOT NULL,
	`frequency` text DEFAULT 'all' NOT NULL,
	`locale` text,
	`source` text,
	`external_id` text,
	`created_at` integer NOT NULL,
	`active_since` integer,
	`ended_at` integer,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "subscriptions_status_known" CHECK(status in ('pending', 'active', 'unsubscribed', 'suppressed'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `subscriptions_publicId_unique` ON `subscriptions` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `subscriptions_handle_unique` ON `subscriptions` (`handle`);--> statement-breakpoint
CREATE UNIQUE INDEX `subscriptions_organization_supporter` ON `subscriptions` (`organization_key`,`supporter_key`);--> statement-breakpoint
CREATE INDEX `subscriptions_supporter` ON `subscriptions` (`supporter_key`);--> statement-breakpoint
CREATE INDEX `subscriptions_listing` ON `subscriptions` (`organization_key`,`status`,`key`);--> statement-breakpoint
ALTER TABLE `organizations` ADD `locale` text DEFAULT 'en' NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `imprint` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `reply_to` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `double_opt_in` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `petitions` ADD `retention_days` integer;--> statement-breakpoint
ALTER TABLE `signatures` ADD `hidden` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `signatures` ADD `mailing_key` integer;--> statement-breakpoint
ALTER TABLE `signatures` ADD `withdrawn_at` integer;--> statement-breakpoint
ALTER TABLE `supporters` ADD `link_epoch` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `supporters` ADD `erased_at` integer;--> statement-breakpoint
CREATE INDEX `supporters_erased` ON `supporters` (`erased_at`) WHERE erased_at is not null;