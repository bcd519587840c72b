ALTER TABLE `mailings` ADD `forgotten_at` integer;--> statement-breakpoint
CREATE INDEX `mailings_remembered` ON `mailings` (`finished_at`) WHERE state in ('done', 'cancelled') and forgotten_at is null;--> statement-breakpoint
ALTER TABLE `sending_pace` ADD `window_slow` integer DEFAULT 0 NOT NULL;