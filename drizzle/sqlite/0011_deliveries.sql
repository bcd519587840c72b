CREATE TABLE `deliveries` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`api_key_key` integer,
	`state` text NOT NULL,
	`recipient` text NOT NULL,
	`letter` text NOT NULL,
	`locale` text NOT NULL,
	`columns` text NOT NULL,
	`group_by` text NOT NULL,
	`formats` text NOT NULL,
	`page_size` text NOT NULL,
	`lines_per_volume` integer NOT NULL,
	`encrypt_to` text NOT NULL,
	`after_key` integer,
	`cut_at` integer NOT NULL,
	`counts` text NOT NULL,
	`sums` text NOT NULL,
	`weeded` text NOT NULL,
	`lease_until` integer,
	`attempts` integer DEFAULT 0 NOT NULL,
	`lapses` integer DEFAULT 0 NOT NULL,
	`edition` integer,
	`failure` text,
	`ready_at` integer,
	`files` text,
	`files_deleted_at` integer,
	`manifest` text,
	`manifest_sha256` text,
	`signature` text,
	`key_id` text,
	`root` text,
	`timestamp` text,
	`sending` text,
	`method` text,
	`sent_at` integer,
	`email` text,
	`link_days` integer,
	`place` text,
	`photo_url` text,
	`note` text,
	`handed_over_on` text,
	`opened_at` integer,
	`acknowledged_at` integer,
	`acknowledged_by` text,
	`acknowledged_count` integer,
	`acknowledged_text` text,
	`acknowledged_on` text,
	`cancelled_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`api_key_key`) REFERENCES `api_keys`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "deliveries_state_known" CHECK(state in ('draft', 'preparing', 'ready', 'sent', 'opened', 'acknowledged', 'failed', 'cancelled'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `deliveries_publicId_unique` ON `deliveries` (`public_id`);--> statement-breakpoint
CREATE INDEX `deliveries_petition` ON `deliveries` (`petition_key`,`key`);--> statement-breakpoint
CREATE INDEX `deliveries_organization` ON `deliveries` (`organization_key`,`key`);--> statement-breakpoint
CREATE INDEX `deliveries_preparing` ON `deliveries` (`key`) WHERE state = 'preparing';--> statement-breakpoint
CREATE TABLE `delivery_lines` (
	`delivery_key` integer NOT NULL,
	`number` integer NOT NULL,
	`signature_key` integer NOT NULL,
	`said` blob NOT NULL,
	`salt` blob,
	PRIMARY KEY(`delivery_key`, `number`),
	FOREIGN KEY (`delivery_key`) REFERENCES `deliveries`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`signature_key`) REFERENCES `signatures`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `delivery_lines_signature` ON `delivery_lines` (`signature_key`,`delivery_key`);--> statement-breakpoint
CREATE TABLE `delivery_links` (
	`hash` blob PRIMARY KEY NOT NULL,
	`delivery_key` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	FOREIGN KEY (`delivery_key`) REFERENCES `deliveries`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `delivery_links_delivery` ON `delivery_links` (`delivery_key`);--> statement-breakpoint
CREATE TABLE `delivery_strikes` (
	`delivery_key` integer NOT NULL,
	`earlier_key` integer NOT NULL,
	`number` integer NOT NULL,
	PRIMARY KEY(`delivery_key`, `earlier_key`, `number`),
	FOREIGN KEY (`delivery_key`) REFERENCES `deliveries`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`earlier_key`) REFERENCES `deliveries`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `delivery_uses` (
	`key` integer PRIMARY KEY NOT NULL,
	`delivery_key` integer NOT NULL,
	`what` text NOT NULL,
	`file` text,
	`at` integer NOT NULL,
	FOREIGN KEY (`delivery_key`) REFERENCES `deliveries`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `delivery_uses_delivery` ON `delivery_uses` (`delivery_key`,`key`);--> statement-breakpoint
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
	`delivery_key` integer,
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
	FOREIGN KEY (`delivery_key`) REFERENCES `deliveries`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "outbox_kind_known" CHECK(kind in ('signed', 'already_signed', 'subscribed', 'reminder', 'manage', 'unsubscribe_links', 'unsubscribed', 'email_apply', 'email_notice', 'mailing_test', 'delivery')),
	CONSTRAINT "outbox_state_known" CHECK(state in ('queued', 'sending', 'sent', 'dropped', 'failed'))
);
--> statement-breakpoint
INSERT INTO `__new_outbox`("key", "kind", "supporter_key", "request_key", "petition_key", "organization_key", "subscription_key", "email_change_key", "variant_key", "delivery_key", "locale", "state", "reason", "attempts", "recipient", "due_at", "created_at", "settled_at") SELECT "key", "kind", "supporter_key", "request_key", "petition_key", "organization_key", "subscription_key", "email_change_key", "variant_key", NULL, "locale", "state", "reason", "attempts", "recipient", "due_at", "created_at", "settled_at" FROM `outbox`;--> statement-breakpoint
DROP TABLE `outbox`;--> statement-breakpoint
ALTER TABLE `__new_outbox` RENAME TO `outbox`;--> statement-breakpoint
PRAGMA foreign_keys=ON;--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`due_at`) WHERE settled_at is null;--> statement-breakpoint
CREATE INDEX `outbox_supporter` ON `outbox` (`supporter_key`,`key`);--> statement-breakpoint
CREATE INDEX `outbox_recipient` ON `outbox` (`recipient`,`key`) WHERE recipient is not null;--> statement-breakpoint
CREATE INDEX `outbox_mailing_tests` ON `outbox` (`organization_key`,`created_at`) WHERE kind = 'mailing_test';