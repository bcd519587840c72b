PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_mailing_recipients` (
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
INSERT INTO `__new_mailing_recipients`("key", "mailing_key", "supporter_key", "subscription_key", "bucket", "wave", "variant_key", "state", "reason", "family", "attempts", "due_at", "owner", "settled_at", "result", "result_at") SELECT "key", "mailing_key", "supporter_key", "subscription_key", "bucket", "wave", "variant_key", "state", "reason", "family", "attempts", "due_at", "owner", "settled_at", "result", "result_at" FROM `mailing_recipients`;--> statement-breakpoint
DROP TABLE `mailing_recipients`;--> statement-breakpoint
ALTER TABLE `__new_mailing_recipients` RENAME TO `mailing_recipients`;--> statement-breakpoint
PRAGMA foreign_keys=ON;--> statement-breakpoint
CREATE UNIQUE INDEX `mailing_recipients_person` ON `mailing_recipients` (`mailing_key`,`subscription_key`);--> statement-breakpoint
CREATE INDEX `mailing_recipients_open` ON `mailing_recipients` (`mailing_key`,`state`,`wave`,`family`,`due_at`) WHERE state in ('queued', 'claimed', 'sending', 'deferred');--> statement-breakpoint
CREATE INDEX `mailing_recipients_listing` ON `mailing_recipients` (`mailing_key`,`state`,`key`) WHERE state in ('failed', 'skipped', 'uncertain');--> statement-breakpoint
CREATE INDEX `mailing_recipients_supporter` ON `mailing_recipients` (`supporter_key`,`settled_at`);