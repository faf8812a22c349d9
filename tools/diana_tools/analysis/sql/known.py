"""Functions that a SELECT may run for their value: they change no row (PostgreSQL manual, chapter 9)."""

from __future__ import annotations

_NAMES = """
abs age array_agg array_append array_length array_position array_to_json array_to_string avg bit_and bit_or
bool_and bool_or btrim ceil ceiling char_length clock_timestamp coalesce col_description concat concat_ws count
current_catalog current_database current_query current_schema current_schemas current_setting current_timestamp
current_user currval date_bin date_part date_trunc decode dense_rank encode every exists extract first_value floor
format format_type gen_random_uuid generate_series generate_subscripts getdatabaseencoding greatest ifnull iif
inet_client_addr inet_server_addr inet_server_port initcap instr isfinite julianday lag last_insert_rowid last_value
lastval lead least left length lower lpad ltrim make_date make_interval make_timestamp max md5 min mod now nextval
ntile nullif num_nulls obj_description octet_length overlay pg_advisory_lock pg_advisory_unlock
pg_advisory_unlock_all pg_advisory_xact_lock pg_backend_pid pg_column_size pg_database_size pg_is_in_recovery
pg_notify pg_postmaster_start_time pg_relation_size pg_size_pretty pg_sleep pg_table_is_visible pg_table_size
pg_total_relation_size pg_try_advisory_lock pg_try_advisory_xact_lock pg_type_is_visible pg_typeof position power
printf quote quote_ident quote_literal quote_nullable random rank repeat replace reverse right round row_number
row_to_json rpad rtrim setseed sha224 sha256 sha384 sha512 shobj_description sign split_part sqlite_version sqrt
starts_with statement_timestamp strftime string_agg string_to_array strpos substr substring sum timeofday
timezone to_char to_date to_hex to_json to_jsonb to_number to_regclass to_regproc to_regtype to_timestamp
to_tsquery to_tsvector total total_changes transaction_timestamp translate trim trunc txid_current typeof unicode
unnest upper uuid_generate_v1 uuid_generate_v4 version width_bucket hex glob like likely date time datetime changes
addgeometrycolumn postgis_version
any_value array_cat array_dims array_fill array_lower array_ndims array_position array_positions array_prepend
array_remove array_replace array_sample array_shuffle array_upper ascii bit_count bit_length bit_xor cardinality
cast cbrt char chr convert_from convert_to corr cos cot crc32 crypt cume_dist current_date current_role current_time
daterange date_add date_subtract degrees digest div enum_first enum_last enum_range erf exp factorial family gcd
gen_salt get_bit get_byte grouping highlight hmac host hostmask hstore inet_merge int4range int8range isempty
json jsonb justify_days justify_hours justify_interval lcm levenshtein likelihood likely ln localtime localtimestamp
log log10 log2 lower_inc lower_inf macaddr8_set7bit make_time make_timestamptz masklen metaphone mode mod multirange
netmask network normalize nth_value numrange parse_ident percent_rank phraseto_tsquery pi plainto_tsquery pow
pg_client_encoding pg_collation_for pg_conf_load_time pg_encoding_to_char pg_sequence_last_value querytree
radians randomblob random_normal range_agg range_intersect_agg range_merge reverse rowid scale set_bit set_byte
set_masklen setweight similarity sin snippet soundex sqlite_source_id sqlite_compileoption_used stddev stddev_pop
stddev_samp strip subpath substr suppress_redundant_updates_trigger svals tan timediff to_ascii to_bin to_oct trim_array
trim_scale ts_debug ts_delete ts_headline ts_rank ts_rank_cd tsquery_phrase tsrange tstzrange tsvector_update_trigger
tsvector_update_trigger_column unaccent unhex unicode_assigned unistr unixepoch unlikely upper_inc upper_inf uuid_nil
uuid_generate_v3 uuid_generate_v5 uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 var_pop var_samp variance
websearch_to_tsquery word_similarity xpath zeroblob bm25 acos asin atan atan2 total ceil trunc sinh cosh tanh
group_concat row acosh asinh atanh octet_length concat string_agg sum
"""
KNOWN = frozenset(_NAMES.split())
_FAMILIES = ("json_", "jsonb_", "regexp_", "pg_get_", "pg_stat_", "has_", "percentile_", "st_")

_ESCAPES_WORDS = """
lo_export lo_import lo_unlink pg_read_file pg_read_binary_file pg_ls_dir pg_file_write pg_file_unlink
pg_file_rename pg_execute_server_program dblink dblink_exec dblink_connect dblink_connect_u dblink_send_query
http http_get http_post http_put http_delete load_extension readfile writefile edit fsdir sys_exec sys_eval
xp_cmdshell pg_terminate_backend pg_cancel_backend pg_reload_conf pg_drop_replication_slot
"""
ESCAPES = frozenset(_ESCAPES_WORDS.split())
"""Functions that reach files, networks, other sessions or the system (SE003)."""


def harmless(function: str) -> bool:
    """Whether a function is known to be run for its value alone."""
    return function in KNOWN or function.startswith(_FAMILIES)
