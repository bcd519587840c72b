ALTER TABLE `contacts` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `contacts` ADD `family_name` text;--> statement-breakpoint
ALTER TABLE `paper_signatures` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `paper_signatures` ADD `family_name` text;--> statement-breakpoint
ALTER TABLE `signatures` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `signatures` ADD `family_name` text;--> statement-breakpoint
ALTER TABLE `supporters` ADD `given_name` text;--> statement-breakpoint
ALTER TABLE `supporters` ADD `family_name` text;