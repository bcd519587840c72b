PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_signatures` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`supporter_key` integer,
	`status` text NOT NULL,
	`display` text NOT NULL,
	`hidden` integer DEFAULT 0 NOT NULL,
	`name` text NOT NULL,
	`country` text,
	`postal_code` text,
	`postal_address` text,
	`phone` text,
	`comment` text,
	`source` text,
	`utm` text,
	`collector_key` integer,
	`mailing_key` integer,
	`external_id` text,
	`created_at` integer NOT NULL,
	`confirmed_at` integer,
	`withdrawn_at` integer,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`collector_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "signatures_status_known" CHECK(status in ('pending', 'confirmed', 'invalidated', 'withdrawn', 'quarantined'))
);
--> statement-breakpoint
INSERT INTO `__new_signatures`("key", "public_id", "petition_key", "supporter_key", "status", "display", "hidden", "name", "country", "postal_code", "postal_address", "phone", "comment", "source", "utm", "collector_key", "mailing_key", "external_id", "created_at", "confirmed_at", "withdrawn_at") SELECT "key", "public_id", "petition_key", "supporter_key", "status", "display", "hidden", "name", "country", "postal_code", "postal_address", "phone", "comment", "source", "utm", "collector_key", "mailing_key", "external_id", "created_at", "confirmed_at", "withdrawn_at" FROM `signatures`;--> statement-breakpoint
DROP TABLE `signatures`;--> statement-breakpoint
ALTER TABLE `__new_signatures` RENAME TO `signatures`;--> statement-breakpoint
PRAGMA foreign_keys=ON;--> statement-breakpoint
CREATE UNIQUE INDEX `signatures_publicId_unique` ON `signatures` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `signatures_petition_supporter` ON `signatures` (`petition_key`,`supporter_key`);--> statement-breakpoint
CREATE INDEX `signatures_listing` ON `signatures` (`petition_key`,`status`,`key`);--> statement-breakpoint
CREATE UNIQUE INDEX `signatures_external_id` ON `signatures` (`petition_key`,`external_id`) WHERE external_id is not null;