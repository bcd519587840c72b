CREATE TABLE `responses` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`kind` text NOT NULL,
	`who` text NOT NULL,
	`text` text,
	`text_html` text,
	`date` text NOT NULL,
	`time` text,
	`time_zone` text,
	`place` text,
	`url` text,
	`threshold` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "responses_kind_known" CHECK(kind in ('response', 'hearing'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `responses_publicId_unique` ON `responses` (`public_id`);--> statement-breakpoint
CREATE INDEX `responses_petition` ON `responses` (`petition_key`,`date`,`key`);--> statement-breakpoint
CREATE TABLE `thresholds` (
	`petition_key` integer NOT NULL,
	`value` integer NOT NULL,
	`promise` text NOT NULL,
	`reached_at` integer,
	PRIMARY KEY(`petition_key`, `value`),
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
ALTER TABLE `petitions` ADD `threshold_values` text DEFAULT '[]' NOT NULL;