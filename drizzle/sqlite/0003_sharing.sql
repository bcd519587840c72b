CREATE TABLE `key_figures` (
	`api_key_key` integer NOT NULL,
	`petition_key` integer NOT NULL,
	`slot` integer NOT NULL,
	`shard` integer NOT NULL,
	`asked` integer NOT NULL,
	`confirmed` integer NOT NULL,
	PRIMARY KEY(`api_key_key`, `petition_key`, `slot`, `shard`),
	FOREIGN KEY (`api_key_key`) REFERENCES `api_keys`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `key_figures_slot` ON `key_figures` (`slot`);--> statement-breakpoint
CREATE TABLE `key_isolations` (
	`key` integer PRIMARY KEY NOT NULL,
	`api_key_key` integer NOT NULL,
	`petition_key` integer NOT NULL,
	`asked` integer NOT NULL,
	`confirmed` integer NOT NULL,
	`isolated_at` integer NOT NULL,
	`released_at` integer,
	FOREIGN KEY (`api_key_key`) REFERENCES `api_keys`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `key_isolations_open` ON `key_isolations` (`petition_key`,`api_key_key`) WHERE released_at is null;--> statement-breakpoint
CREATE TABLE `partner_counts` (
	`petition_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`shard` integer NOT NULL,
	`pending` integer NOT NULL,
	`confirmed` integer NOT NULL,
	`invalidated` integer NOT NULL,
	`withdrawn` integer NOT NULL,
	`quarantined` integer NOT NULL,
	PRIMARY KEY(`petition_key`, `organization_key`, `shard`),
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `partnerships` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`status` text NOT NULL,
	`lead_sees` text NOT NULL,
	`invited_at` integer NOT NULL,
	`answered_at` integer,
	`ended_at` integer,
	`reason` text,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "partnerships_status_known" CHECK(status in ('invited', 'accepted', 'declined', 'ended')),
	CONSTRAINT "partnerships_lead_sees_known" CHECK(lead_sees in ('full', 'names', 'counts'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `partnerships_publicId_unique` ON `partnerships` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `partnerships_open` ON `partnerships` (`petition_key`,`organization_key`) WHERE status in ('invited', 'accepted');--> statement-breakpoint
CREATE INDEX `partnerships_petition` ON `partnerships` (`petition_key`,`key`);--> statement-breakpoint
CREATE INDEX `partnerships_organization` ON `partnerships` (`organization_key`,`key`);--> statement-breakpoint
CREATE TABLE `share_counts` (
	`share_link_key` integer NOT NULL,
	`shard` integer NOT NULL,
	`requests` integer NOT NULL,
	`clicks` integer NOT NULL,
	`conversions` integer NOT NULL,
	PRIMARY KEY(`share_link_key`, `shard`),
	FOREIGN KEY (`share_link_key`) REFERENCES `share_links`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `share_history` (
	`variant_key` integer NOT NULL,
	`organization_key` integer NOT NULL,
	`hour` integer NOT NULL,
	`shard` integer NOT NULL,
	`links` integer NOT NULL,
	`requests` integer NOT NULL,
	`clicks` integer NOT NULL,
	`conversions` integer NOT NULL,
	PRIMARY KEY(`variant_key`, `organization_key`, `hour`, `shard`),
	FOREIGN KEY (`variant_key`) REFERENCES `share_variants`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `share_links` (
	`key` integer PRIMARY KEY NOT NULL,
	`code` text NOT NULL,
	`petition_key` integer NOT NULL,
	`variant_key` integer NOT NULL,
	`signature_key` integer,
	`organization_key` integer,
	`source` text,
	`receipt_hash` blob,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`variant_key`) REFERENCES `share_variants`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`signature_key`) REFERENCES `signatures`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `share_links_code_unique` ON `share_links` (`code`);--> statement-breakpoint
CREATE INDEX `share_links_petition` ON `share_links` (`petition_key`,`key`);--> statement-breakpoint
CREATE INDEX `share_links_signature` ON `share_links` (`signature_key`) WHERE signature_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `share_links_receipt` ON `share_links` (`receipt_hash`,`variant_key`) WHERE receipt_hash is not null;--> statement-breakpoint
CREATE TABLE `share_variants` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`network` text NOT NULL,
	`text` text,
	`hash` blob NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `share_variants_publicId_unique` ON `share_variants` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `share_variants_text` ON `share_variants` (`petition_key`,`network`,`hash`);--> statement-breakpoint
CREATE TABLE `suspicions` (
	`signature_key` integer PRIMARY KEY NOT NULL,
	`score` integer NOT NULL,
	`signals` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`signature_key`) REFERENCES `signatures`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `used_challenges` (
	`hash` blob PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `used_challenges_expires` ON `used_challenges` (`expires_at`);--> statement-breakpoint
ALTER TABLE `api_keys` ADD `origins` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `petitions` ADD `share_split` text DEFAULT 'even' NOT NULL;--> statement-breakpoint
ALTER TABLE `petitions` ADD `challenge` text DEFAULT 'auto' NOT NULL;--> statement-breakpoint
ALTER TABLE `petitions` ADD `origins` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `signatures` ADD `api_key_key` integer;--> statement-breakpoint
ALTER TABLE `signatures` ADD `share_link_key` integer;--> statement-breakpoint
CREATE INDEX `petitions_page_url` ON `petitions` (`page_url`) WHERE page_url is not null;--> statement-breakpoint
INSERT INTO `partner_counts` (`petition_key`, `organization_key`, `shard`, `pending`, `confirmed`, `invalidated`, `withdrawn`, `quarantined`) SELECT `petition_key`, `collector_key`, 0, count(*) FILTER (WHERE `status` = 'pending'), count(*) FILTER (WHERE `status` = 'confirmed'), count(*) FILTER (WHERE `status` = 'invalidated'), count(*) FILTER (WHERE `status` = 'withdrawn'), count(*) FILTER (WHERE `status` = 'quarantined') FROM `signatures` WHERE `collector_key` IS NOT NULL GROUP BY `petition_key`, `collector_key`;