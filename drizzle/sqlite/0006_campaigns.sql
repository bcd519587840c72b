CREATE TABLE `offsets` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`count` integer NOT NULL,
	`source` text NOT NULL,
	`url` text,
	`counted_on` text,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `offsets_publicId_unique` ON `offsets` (`public_id`);--> statement-breakpoint
CREATE INDEX `offsets_petition` ON `offsets` (`petition_key`,`key`);--> statement-breakpoint
CREATE TABLE `paper_batches` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`api_key_key` integer,
	`kind` text NOT NULL,
	`source` text,
	`created` integer NOT NULL,
	`begun_at` integer NOT NULL,
	`completed_at` integer,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`api_key_key`) REFERENCES `api_keys`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `paper_batches_publicId_unique` ON `paper_batches` (`public_id`);--> statement-breakpoint
CREATE INDEX `paper_batches_petition` ON `paper_batches` (`petition_key`,`key`);--> statement-breakpoint
CREATE TABLE `paper_signatures` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`batch_key` integer NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`name` text NOT NULL,
	`country` text,
	`postal_code` text,
	`postal_address` text,
	`phone` text,
	`comment` text,
	`display` text NOT NULL,
	`hidden` integer NOT NULL,
	`sheet` text,
	`signed_on` text,
	`external_id` text,
	`person` text,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`batch_key`) REFERENCES `paper_batches`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "paper_signatures_status_known" CHECK(status in ('confirmed', 'invalidated'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `paper_signatures_publicId_unique` ON `paper_signatures` (`public_id`);--> statement-breakpoint
CREATE INDEX `paper_signatures_petition` ON `paper_signatures` (`petition_key`,`key`);--> statement-breakpoint
CREATE INDEX `paper_signatures_batch` ON `paper_signatures` (`batch_key`,`key`);--> statement-breakpoint
CREATE UNIQUE INDEX `paper_signatures_external_id` ON `paper_signatures` (`petition_key`,`organization_key`,`external_id`) WHERE external_id is not null;--> statement-breakpoint
CREATE INDEX `paper_signatures_person` ON `paper_signatures` (`petition_key`,`person`) WHERE person is not null;--> statement-breakpoint
CREATE TABLE `petition_words` (
	`key` integer PRIMARY KEY NOT NULL,
	`petition_key` integer NOT NULL,
	`locale` text NOT NULL,
	`confirmation` text,
	`confirmation_subject` text,
	`thanks` text,
	`thanks_html` text,
	`button` text,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `petition_words_locale` ON `petition_words` (`petition_key`,`locale`);--> statement-breakpoint
CREATE TABLE `word_lists` (
	`organization_key` integer PRIMARY KEY NOT NULL,
	`words` text NOT NULL,
	`version` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
ALTER TABLE `api_keys` ADD `test` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `test_email` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `test_of` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `organizations_test_of` ON `organizations` (`test_of`) WHERE test_of is not null;--> statement-breakpoint
ALTER TABLE `partner_counts` ADD `paper` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `petition_counts` ADD `paper` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `petition_counts` ADD `offsets` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `petitions` ADD `test` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `petitions` ADD `form_fields` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `signatures` ADD `answers` text;--> statement-breakpoint
ALTER TABLE `supporters` ADD `test_organization_key` integer REFERENCES organizations(key);--> statement-breakpoint
CREATE INDEX `supporters_test` ON `supporters` (`test_organization_key`) WHERE test_organization_key is not null;