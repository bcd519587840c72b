ALTER TABLE `organizations` ADD `logo_url` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `color` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `privacy_url` text;--> statement-breakpoint
ALTER TABLE `partnerships` ADD `listed` integer DEFAULT 1 NOT NULL;