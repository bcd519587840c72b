ALTER TABLE `mailings` ADD `judged_from` text;--> statement-breakpoint
ALTER TABLE `sending_pace` ADD `setbacks` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sending_pace` ADD `window_mails` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sending_pace` ADD `window_at` integer;