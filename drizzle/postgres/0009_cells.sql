CREATE TABLE "petition_cells" (
	"petition_key" bigint NOT NULL,
	"country" text NOT NULL,
	"region" text NOT NULL,
	"source" text NOT NULL,
	"shard" integer NOT NULL,
	"confirmed" integer NOT NULL,
	CONSTRAINT "petition_cells_petition_key_country_region_source_shard_pk" PRIMARY KEY("petition_key","country","region","source","shard")
);
--> statement-breakpoint
CREATE TABLE "published_cells" (
	"petition_key" bigint PRIMARY KEY NOT NULL,
	"cells" jsonb NOT NULL,
	"total" integer NOT NULL,
	"published_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "petition_cells" ADD CONSTRAINT "petition_cells_petition_key_petitions_key_fk" FOREIGN KEY ("petition_key") REFERENCES "public"."petitions"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "published_cells" ADD CONSTRAINT "published_cells_petition_key_petitions_key_fk" FOREIGN KEY ("petition_key") REFERENCES "public"."petitions"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
INSERT INTO "petition_cells" ("petition_key", "country", "region", "source", "shard", "confirmed")
SELECT "petition_key", coalesce("country", ''), coalesce("postal_address" ->> 'region', ''), coalesce("source", ''), 0, count(*)
FROM "signatures" WHERE "status" = 'confirmed' GROUP BY 1, 2, 3, 4;
