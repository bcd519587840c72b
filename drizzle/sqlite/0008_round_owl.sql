ALTER TABLE `mailings` ADD `judged_from` text;--> statement-breakpoint
CREATE INDEX `mailings_ending` ON `mailings` (`key`) WHERE state in ('done', 'cancelled') and finished_at is null;--> statement-breakpoint
ALTER TABLE `sending_pace` ADD `setbacks` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sending_pace` ADD `window_mails` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sending_pace` ADD `window_at` integer;