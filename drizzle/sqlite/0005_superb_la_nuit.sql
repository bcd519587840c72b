CREATE TABLE `former_handles` (
	`key` integer PRIMARY KEY NOT NULL,
	`handle` blob NOT NULL,
	`subscription_key` integer NOT NULL,
	FOREIGN KEY (`subscription_key`) REFERENCES `subscriptions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `former_handles_handle_unique` ON `former_handles` (`handle`);--> statement-breakpoint
CREATE INDEX `former_handles_subscription` ON `former_handles` (`subscription_key`);