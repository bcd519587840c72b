CREATE TABLE `petition_translations` (
	`key` integer PRIMARY KEY NOT NULL,
	`petition_key` integer NOT NULL,
	`locale` text NOT NULL,
	`title` text NOT NULL,
	`call_to_action` text,
	`statement` text NOT NULL,
	`background` text,
	`background_html` text,
	`image_alt` text,
	`share_texts` text NOT NULL,
	`page_url` text,
	`search_text` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`deleted_at` integer,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `petition_translations_locale` ON `petition_translations` (`petition_key`,`locale`);--> statement-breakpoint
CREATE INDEX `petition_translations_page_url` ON `petition_translations` (`page_url`) WHERE page_url is not null;--> statement-breakpoint
ALTER TABLE `petitions` ADD `translations` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `share_links` ADD `translation_key` integer;--> statement-breakpoint
ALTER TABLE `signatures` ADD `translation_key` integer;--> statement-breakpoint
CREATE INDEX `signatures_translation` ON `signatures` (`translation_key`) WHERE translation_key is not null;