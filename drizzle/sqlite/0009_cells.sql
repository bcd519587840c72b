CREATE TABLE `petition_cells` (
	`petition_key` integer NOT NULL,
	`country` text NOT NULL,
	`region` text NOT NULL,
	`source` text NOT NULL,
	`shard` integer NOT NULL,
	`confirmed` integer NOT NULL,
	PRIMARY KEY(`petition_key`, `country`, `region`, `source`, `shard`),
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `published_cells` (
	`petition_key` integer PRIMARY KEY NOT NULL,
	`cells` text NOT NULL,
	`total` integer NOT NULL,
	`published_at` integer NOT NULL,
	FOREIGN KEY (`petition_key`) REFERENCES `petitions`(`key`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
INSERT INTO `petition_cells` (`petition_key`, `country`, `region`, `source`, `shard`, `confirmed`)
SELECT `petition_key`, coalesce(`country`, ''), coalesce(`postal_address` ->> 'region', ''), coalesce(`source`, ''), 0, count(*)
FROM `signatures` WHERE `status` = 'confirmed' GROUP BY 1, 2, 3, 4;
