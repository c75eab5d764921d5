-- The local day of events without a station ($1 IANA time zone).
UPDATE reporting_setting SET time_zone = $1 WHERE time_zone <> $1
