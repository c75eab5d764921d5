-- The users of compose.yaml, for one machine. The roles are what `giftledger migrate` makes; it does not mind them.
CREATE ROLE giftledger_owner NOLOGIN;
CREATE ROLE giftledger_writer NOLOGIN;
CREATE ROLE giftledger_reporting NOLOGIN;
CREATE ROLE giftledger_closer NOLOGIN;
CREATE ROLE migrator LOGIN PASSWORD 'local' IN ROLE giftledger_owner;
CREATE ROLE worker LOGIN PASSWORD 'local' IN ROLE giftledger_writer;
CREATE ROLE grafana LOGIN PASSWORD 'local' IN ROLE giftledger_reporting;
GRANT giftledger_reporting TO giftledger_writer, giftledger_closer;
-- To compile a report takes longer than to run it, and what does not fit this memory is sorted on disk.
ALTER ROLE grafana SET jit = off;
ALTER ROLE grafana SET work_mem = '64MB';
CREATE DATABASE giftledger OWNER migrator ENCODING 'UTF8' TEMPLATE template0;
