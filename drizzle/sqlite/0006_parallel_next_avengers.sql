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
ALTER TABLE `petitions` ADD `test` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `supporters` ADD `test_organization_key` integer REFERENCES organizations(key);--> statement-breakpoint
CREATE INDEX `supporters_test` ON `supporters` (`test_organization_key`) WHERE test_organization_key is not null;