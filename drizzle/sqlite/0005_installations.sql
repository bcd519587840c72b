CREATE TABLE `admin_keys` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`name` text NOT NULL,
	`hash` blob NOT NULL,
	`hint` text NOT NULL,
	`scopes` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_used_at` integer,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `admin_keys_publicId_unique` ON `admin_keys` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `admin_keys_hash_unique` ON `admin_keys` (`hash`);--> statement-breakpoint
CREATE TABLE `former_handles` (
	`key` integer PRIMARY KEY NOT NULL,
	`handle` blob NOT NULL,
	`subscription_key` integer NOT NULL,
	FOREIGN KEY (`subscription_key`) REFERENCES `subscriptions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `former_handles_handle_unique` ON `former_handles` (`handle`);--> statement-breakpoint
CREATE INDEX `former_handles_subscription` ON `former_handles` (`subscription_key`);--> statement-breakpoint
CREATE TABLE `pauses` (
	`what` text PRIMARY KEY NOT NULL,
	`message` text,
	`retry_after` integer NOT NULL,
	`created_at` integer NOT NULL,
	CONSTRAINT "pauses_what" CHECK(what in ('signing', 'writing'))
);
--> statement-breakpoint
ALTER TABLE `organizations` ADD `logo_url` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `color` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `privacy_url` text;--> statement-breakpoint
ALTER TABLE `partnerships` ADD `listed` integer DEFAULT 1 NOT NULL;