CREATE TABLE `contacts` (
	`organization_key` integer NOT NULL,
	`supporter_key` integer NOT NULL,
	`name` text,
	`country` text,
	`postal_code` text,
	`postal_address` text,
	`phone` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`supporter_key`, `organization_key`),
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `imports` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`api_key_key` integer,
	`kind` text NOT NULL,
	`day` integer,
	`source` text,
	`lines` integer NOT NULL,
	`created` integer NOT NULL,
	`confirmed` integer NOT NULL,
	`quarantined` integer NOT NULL,
	`begun_at` integer NOT NULL,
	`last_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`api_key_key`) REFERENCES `api_keys`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `imports_publicId_unique` ON `imports` (`public_id`);--> statement-breakpoint
CREATE INDEX `imports_petition` ON `imports` (`petition_key`,`key`);--> statement-breakpoint
CREATE UNIQUE INDEX `imports_day` ON `imports` (`petition_key`,`api_key_key`,`day`) WHERE day is not null;--> statement-breakpoint
CREATE TABLE `isolated_networks` (
	`petition_key` integer NOT NULL,
	`api_key_key` integer NOT NULL,
	`network` blob NOT NULL,
	`asked` integer NOT NULL,
	`confirmed` integer NOT NULL,
	`isolated_at` integer NOT NULL,
	PRIMARY KEY(`petition_key`, `api_key_key`, `network`),
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`api_key_key`) REFERENCES `api_keys`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `signature_networks` (
	`signature_key` integer PRIMARY KEY NOT NULL,
	`api_key_key` integer NOT NULL,
	`petition_key` integer NOT NULL,
	`network` blob NOT NULL,
	`created_at` integer NOT NULL,
	`asked_at` integer
);
--> statement-breakpoint
CREATE INDEX `signature_networks_of_key` ON `signature_networks` (`petition_key`,`api_key_key`,`signature_key`);--> statement-breakpoint
CREATE TABLE `spellings` (
	`signature_key` integer PRIMARY KEY NOT NULL,
	`petition_key` integer NOT NULL,
	`mailbox` blob NOT NULL,
	`nth` integer NOT NULL,
	FOREIGN KEY (`signature_key`) REFERENCES `signatures`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `spellings_mailbox` ON `spellings` (`mailbox`);--> statement-breakpoint
CREATE INDEX `spellings_full` ON `spellings` (`petition_key`) WHERE nth >= 3;--> statement-breakpoint
CREATE TABLE `vouched_days` (
	`partnership_key` integer NOT NULL,
	`day` integer NOT NULL,
	`counted` integer NOT NULL,
	`held` integer NOT NULL,
	PRIMARY KEY(`partnership_key`, `day`),
	FOREIGN KEY (`partnership_key`) REFERENCES `partnerships`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
ALTER TABLE `partnerships` ADD `vouch_limit` integer;--> statement-breakpoint
ALTER TABLE `signatures` ADD `import_key` integer;--> statement-breakpoint
CREATE INDEX `signatures_import` ON `signatures` (`import_key`,`key`) WHERE import_key is not null;