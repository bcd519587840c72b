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
CREATE UNIQUE INDEX `petition_words_locale` ON `petition_words` (`petition_key`,`locale`);