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
CREATE TABLE `pauses` (
	`what` text PRIMARY KEY NOT NULL,
	`message` text,
	`retry_after` integer NOT NULL,
	`created_at` integer NOT NULL,
	CONSTRAINT "pauses_what" CHECK(what in ('signing', 'writing'))
);
