CREATE TABLE `mail_families` (
	`domain` text PRIMARY KEY NOT NULL,
	`family` text NOT NULL,
	`looked_up_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `mailing_hours` (
	`mailing_key` integer NOT NULL,
	`variant_key` integer NOT NULL,
	`hour` integer NOT NULL,
	`outcome` text NOT NULL,
	`events` integer NOT NULL,
	PRIMARY KEY(`mailing_key`, `variant_key`, `hour`, `outcome`),
	FOREIGN KEY (`mailing_key`) REFERENCES `mailings`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `mailing_link_hours` (
	`link_key` integer NOT NULL,
	`hour` integer NOT NULL,
	`requests` integer NOT NULL,
	`clicks` integer NOT NULL,
	PRIMARY KEY(`link_key`, `hour`),
	FOREIGN KEY (`link_key`) REFERENCES `mailing_links`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `mailing_links` (
	`key` integer PRIMARY KEY NOT NULL,
	`mailing_key` integer NOT NULL,
	`variant_key` integer NOT NULL,
	`position` integer NOT NULL,
	`code` text NOT NULL,
	`url` text,
	FOREIGN KEY (`mailing_key`) REFERENCES `mailings`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`variant_key`) REFERENCES `mailing_variants`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mailing_links_code_unique` ON `mailing_links` (`code`);--> statement-breakpoint
CREATE UNIQUE INDEX `mailing_links_position` ON `mailing_links` (`variant_key`,`position`);--> statement-breakpoint
CREATE TABLE `mailing_recipients` (
	`key` integer PRIMARY KEY NOT NULL,
	`mailing_key` integer NOT NULL,
	`supporter_key` integer,
	`subscription_key` integer,
	`bucket` integer NOT NULL,
	`wave` integer NOT NULL,
	`variant_key` integer,
	`state` text NOT NULL,
	`reason` text,
	`family` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`due_at` integer,
	`owner` blob,
	`settled_at` integer,
	`result` text,
	`result_at` integer,
	FOREIGN KEY (`mailing_key`) REFERENCES `mailings`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "mailing_recipients_state_known" CHECK(state in ('queued', 'claimed', 'sending', 'sent', 'deferred', 'failed', 'skipped', 'uncertain'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mailing_recipients_person` ON `mailing_recipients` (`mailing_key`,`subscription_key`);--> statement-breakpoint
CREATE INDEX `mailing_recipients_open` ON `mailing_recipients` (`mailing_key`,`state`,`wave`,`family`,`due_at`) WHERE state in ('queued', 'claimed', 'sending', 'deferred');--> statement-breakpoint
CREATE INDEX `mailing_recipients_listing` ON `mailing_recipients` (`mailing_key`,`state`,`key`) WHERE state in ('failed', 'skipped', 'uncertain');--> statement-breakpoint
CREATE INDEX `mailing_recipients_supporter` ON `mailing_recipients` (`supporter_key`,`settled_at`);--> statement-breakpoint
CREATE TABLE `mailing_tallies` (
	`mailing_key` integer NOT NULL,
	`variant_key` integer NOT NULL,
	`state` text NOT NULL,
	`recipients` integer NOT NULL,
	PRIMARY KEY(`mailing_key`, `variant_key`, `state`),
	FOREIGN KEY (`mailing_key`) REFERENCES `mailings`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `mailing_variants` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`mailing_key` integer NOT NULL,
	`position` integer NOT NULL,
	`name` text NOT NULL,
	`handle` blob NOT NULL,
	`content` text NOT NULL,
	`frozen` text,
	FOREIGN KEY (`mailing_key`) REFERENCES `mailings`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mailing_variants_publicId_unique` ON `mailing_variants` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `mailing_variants_handle_unique` ON `mailing_variants` (`handle`);--> statement-breakpoint
CREATE UNIQUE INDEX `mailing_variants_position` ON `mailing_variants` (`mailing_key`,`position`);--> statement-breakpoint
CREATE TABLE `segments` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`organization_key` integer NOT NULL,
	`name` text NOT NULL,
	`clause` text NOT NULL,
	`version` integer DEFAULT 1 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `segments_publicId_unique` ON `segments` (`public_id`);--> statement-breakpoint
CREATE INDEX `segments_organization` ON `segments` (`organization_key`,`key`);--> statement-breakpoint
CREATE TABLE `sending_days` (
	`domain` text NOT NULL,
	`day` integer NOT NULL,
	`mails` integer NOT NULL,
	PRIMARY KEY(`domain`, `day`)
);
--> statement-breakpoint
CREATE TABLE `sending_pace` (
	`scope` text PRIMARY KEY NOT NULL,
	`rate` integer NOT NULL,
	`tokens` integer NOT NULL,
	`at` integer NOT NULL,
	`not_before` integer,
	`successes` integer DEFAULT 0 NOT NULL,
	`setbacks` integer DEFAULT 0 NOT NULL,
	`window_mails` integer DEFAULT 0 NOT NULL,
	`window_at` integer
);
--> statement-breakpoint
CREATE TABLE `sending_policies` (
	`organization_key` integer PRIMARY KEY NOT NULL,
	`policy` text NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_outbox` (
	`key` integer PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`supporter_key` integer,
	`request_key` integer,
	`petition_key` integer,
	`organization_key` integer,
	`subscription_key` integer,
	`email_change_key` integer,
	`variant_key` integer,
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
	CONSTRAINT "outbox_kind_known" CHECK(kind in ('signed', 'already_signed', 'subscribed', 'reminder', 'manage', 'unsubscribe_links', 'unsubscribed', 'email_apply', 'email_notice', 'mailing_test')),
	CONSTRAINT "outbox_state_known" CHECK(state in ('queued', 'sending', 'sent', 'dropped', 'failed'))
);
--> statement-breakpoint
INSERT INTO `__new_outbox`("key", "kind", "supporter_key", "request_key", "petition_key", "organization_key", "subscription_key", "email_change_key", "variant_key", "locale", "state", "reason", "attempts", "recipient", "due_at", "created_at", "settled_at") SELECT "key", "kind", "supporter_key", "request_key", "petition_key", "organization_key", "subscription_key", "email_change_key", NULL, "locale", "state", "reason", "attempts", "recipient", "due_at", "created_at", "settled_at" FROM `outbox`;--> statement-breakpoint
DROP TABLE `outbox`;--> statement-breakpoint
ALTER TABLE `__new_outbox` RENAME TO `outbox`;--> statement-breakpoint
PRAGMA foreign_keys=ON;--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`due_at`) WHERE settled_at is null;--> statement-breakpoint
CREATE INDEX `outbox_supporter` ON `outbox` (`supporter_key`,`key`);--> statement-breakpoint
CREATE INDEX `outbox_recipient` ON `outbox` (`recipient`,`key`) WHERE recipient is not null;--> statement-breakpoint
CREATE INDEX `outbox_mailing_tests` ON `outbox` (`organization_key`,`created_at`) WHERE kind = 'mailing_test';--> statement-breakpoint
ALTER TABLE `contacts` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `contacts` ADD `family_name` text;--> statement-breakpoint
ALTER TABLE `mailings` ADD `state` text DEFAULT 'draft' NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `content` text;--> statement-breakpoint
ALTER TABLE `mailings` ADD `clause` text;--> statement-breakpoint
ALTER TABLE `mailings` ADD `count_clicks` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `test_share` integer DEFAULT 100 NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `metric` text DEFAULT 'confirmed_signatures' NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `winner_choice` text DEFAULT 'automatic' NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `decide_after_hours` integer DEFAULT 4 NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `winner_key` integer;--> statement-breakpoint
ALTER TABLE `mailings` ADD `decided_at` integer;--> statement-breakpoint
ALTER TABLE `mailings` ADD `send_at` integer;--> statement-breakpoint
ALTER TABLE `mailings` ADD `time_zone` text;--> statement-breakpoint
ALTER TABLE `mailings` ADD `expires_at` integer;--> statement-breakpoint
ALTER TABLE `mailings` ADD `pause_reason` text;--> statement-breakpoint
ALTER TABLE `mailings` ADD `paused_from` text;--> statement-breakpoint
ALTER TABLE `mailings` ADD `judged_from` text;--> statement-breakpoint
ALTER TABLE `mailings` ADD `built_to` integer;--> statement-breakpoint
ALTER TABLE `mailings` ADD `claims` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `mailings` ADD `updated_at` integer;--> statement-breakpoint
ALTER TABLE `mailings` ADD `started_at` integer;--> statement-breakpoint
ALTER TABLE `mailings` ADD `finished_at` integer;--> statement-breakpoint
CREATE INDEX `mailings_open` ON `mailings` (`state`,`send_at`) WHERE state in ('scheduled', 'building', 'running', 'deciding', 'paused');--> statement-breakpoint
CREATE INDEX `mailings_ending` ON `mailings` (`key`) WHERE state in ('done', 'cancelled') and finished_at is null;--> statement-breakpoint
ALTER TABLE `paper_signatures` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `paper_signatures` ADD `family_name` text;--> statement-breakpoint
ALTER TABLE `signatures` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `signatures` ADD `family_name` text;--> statement-breakpoint
ALTER TABLE `signatures` ADD `mailing_variant_key` integer;--> statement-breakpoint
CREATE INDEX `signatures_mailing` ON `signatures` (`mailing_key`,`mailing_variant_key`,`created_at`) WHERE mailing_key is not null;--> statement-breakpoint
ALTER TABLE `supporters` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `supporters` ADD `family_name` text;