ALTER TABLE `petitions` ADD `form_fields` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `signatures` ADD `answers` text;