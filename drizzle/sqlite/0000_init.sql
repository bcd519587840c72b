CREATE TABLE `api_keys` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`organization_key` integer NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`hash` blob NOT NULL,
	`hint` text NOT NULL,
	`scopes` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_used_at` integer,
	`revoked_at` integer,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "api_keys_kind" CHECK(kind in ('secret', 'publishable'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_publicId_unique` ON `api_keys` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_hash_unique` ON `api_keys` (`hash`);--> statement-breakpoint
CREATE INDEX `api_keys_organization` ON `api_keys` (`organization_key`,`key`);--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`hash` blob PRIMARY KEY NOT NULL,
	`request_hash` blob NOT NULL,
	`answer` blob NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `milestones` (
	`petition_key` integer NOT NULL,
	`value` integer NOT NULL,
	`reached_at` integer NOT NULL,
	PRIMARY KEY(`petition_key`, `value`),
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `moderations` (
	`key` integer PRIMARY KEY NOT NULL,
	`signature_key` integer NOT NULL,
	`from_status` text NOT NULL,
	`to_status` text NOT NULL,
	`reason` text NOT NULL,
	`api_key_key` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`signature_key`) REFERENCES `signatures`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`api_key_key`) REFERENCES `api_keys`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `moderations_signature` ON `moderations` (`signature_key`,`key`);--> statement-breakpoint
CREATE TABLE `organizations` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`slug` text NOT NULL,
	`name` text NOT NULL,
	`url` text,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `organizations_publicId_unique` ON `organizations` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `organizations_slug_unique` ON `organizations` (`slug`);--> statement-breakpoint
CREATE TABLE `petition_counts` (
	`petition_key` integer NOT NULL,
	`shard` integer NOT NULL,
	`pending` integer NOT NULL,
	`confirmed` integer NOT NULL,
	`invalidated` integer NOT NULL,
	`withdrawn` integer NOT NULL,
	`quarantined` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`petition_key`, `shard`),
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `petition_history` (
	`petition_key` integer NOT NULL,
	`hour` integer NOT NULL,
	`shard` integer NOT NULL,
	`confirmed` integer NOT NULL,
	PRIMARY KEY(`petition_key`, `hour`, `shard`),
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `petition_slugs` (
	`slug` text PRIMARY KEY NOT NULL,
	`petition_key` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `petition_slugs_petition` ON `petition_slugs` (`petition_key`);--> statement-breakpoint
CREATE TABLE `petitions` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`organization_key` integer NOT NULL,
	`slug` text NOT NULL,
	`status` text NOT NULL,
	`title` text NOT NULL,
	`call_to_action` text,
	`statement` text NOT NULL,
	`background` text,
	`background_html` text,
	`references` text NOT NULL,
	`targets` text NOT NULL,
	`campaigner` text,
	`partners` text NOT NULL,
	`image` text,
	`locale` text NOT NULL,
	`form` text NOT NULL,
	`goals` text NOT NULL,
	`share_texts` text NOT NULL,
	`page_url` text,
	`confirmation` text NOT NULL,
	`opens_at` integer,
	`closes_at` integer,
	`outcome` text NOT NULL,
	`response` text,
	`takedown_reason` text,
	`external_id` text,
	`metadata` text NOT NULL,
	`search_text` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`published_at` integer,
	`closed_at` integer,
	FOREIGN KEY (`organization_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "petitions_status_known" CHECK(status in ('draft', 'published', 'closed', 'archived', 'taken_down')),
	CONSTRAINT "petitions_confirmation_known" CHECK(confirmation in ('email', 'none'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `petitions_publicId_unique` ON `petitions` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `petitions_slug_unique` ON `petitions` (`slug`);--> statement-breakpoint
CREATE UNIQUE INDEX `petitions_external_id` ON `petitions` (`organization_key`,`external_id`);--> statement-breakpoint
CREATE INDEX `petitions_status` ON `petitions` (`status`,`key`);--> statement-breakpoint
CREATE TABLE `signatures` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`petition_key` integer NOT NULL,
	`supporter_key` integer NOT NULL,
	`status` text NOT NULL,
	`display` text NOT NULL,
	`name` text NOT NULL,
	`country` text,
	`postal_code` text,
	`postal_address` text,
	`phone` text,
	`comment` text,
	`source` text,
	`utm` text,
	`collector_key` integer,
	`external_id` text,
	`created_at` integer NOT NULL,
	`confirmed_at` integer,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`supporter_key`) REFERENCES `supporters`(`key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`collector_key`) REFERENCES `organizations`(`key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "signatures_status_known" CHECK(status in ('pending', 'confirmed', 'invalidated', 'withdrawn', 'quarantined'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `signatures_publicId_unique` ON `signatures` (`public_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `signatures_petition_supporter` ON `signatures` (`petition_key`,`supporter_key`);--> statement-breakpoint
CREATE INDEX `signatures_listing` ON `signatures` (`petition_key`,`status`,`key`);--> statement-breakpoint
CREATE UNIQUE INDEX `signatures_external_id` ON `signatures` (`petition_key`,`external_id`) WHERE external_id is not null;--> statement-breakpoint
CREATE TABLE `supporters` (
	`key` integer PRIMARY KEY NOT NULL,
	`public_id` blob NOT NULL,
	`identity` text NOT NULL,
	`delivery` text NOT NULL,
	`name` text,
	`country` text,
	`postal_code` text,
	`postal_address` text,
	`phone` text,
	`proven_at` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `supporters_identity_unique` ON `supporters` (`identity`);