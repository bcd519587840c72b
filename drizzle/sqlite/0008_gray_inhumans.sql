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
CREATE INDEX `outbox_mailing_tests` ON `outbox` (`organization_key`,`created_at`) WHERE kind = 'mailing_test';