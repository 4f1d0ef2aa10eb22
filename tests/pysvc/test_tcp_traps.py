"""What a reimplementation of ucspi-tcp and checkpassword gets wrong, and the test that fails where it does

Each row: the behaviour in a few words, then tests below tests/. Where the C programs are installed most of
them run with these too.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SERVER = "pysvc/programs/test_tcpserver.py::test_"
SAID = "pysvc/programs/test_tcpserver_log.py::test_"
RULED = "pysvc/programs/test_tcpserver_rules.py::test_"
FOUND = "pysvc/programs/test_tcpserver_programs.py::test_"
LOOKUPS = "pysvc/programs/test_tcpserver_lookups.py::test_"
CLIENT = "pysvc/programs/test_tcpclient.py::test_"
FINDING = "pysvc/programs/test_tcpclient_lookups.py::test_"
REUSE = "pysvc/programs/test_tcpserver_reuse.py::test_"
HOSTILE = "pysvc/programs/test_tcpserver_hostile.py::test_"
RULES = "pysvc/programs/test_tcprules.py::test_"
GRAMMAR = "pysvc/formats/test_tcprules.py::test_"
LISTS = "pysvc/programs/test_rblsmtpd.py::test_"
RECORD = "pysvc/programs/test_recordio.py::test_"
CRIO = "pysvc/programs/test_fixcrio.py::test_"
CR = "pysvc/programs/test_addcr.py::test_"
SMALL = "pysvc/programs/test_small_clients.py::test_"
BESIDE = "pysvc/programs/test_with_classic_tcp.py::test_"
PEERS = "pysvc/programs/test_hostile_peers.py::test_"
RESOLVER = "pysvc/engines/test_resolver.py::test_"
CHECK = "pymail/programs/test_checkpassword.py::test_"
PASSWORDS = "pymail/unix/test_passwords.py::test_"
DOVECOT = "pymail/programs/test_checkpassword_dovecot.py::test_"
POPUP = "pymail/programs/test_qmail_popup.py::test_"
HERE = "pysvc/test_tcp_traps.py::test_"

TRAPS = [
    ("1 error texts are the classic ones, not the C library's",
     [SERVER + "does_not_start", SERVER + "a_port_that_is_taken",
      BESIDE + "programs_that_can_and_cannot_be_run"]),
    ("2 a bad port is told of before a missing program",
     [SERVER + "does_not_start", CLIENT + "does_not_start"]),
    ("3 an unknown option has a line of its own, also after -q",
     [SERVER + "does_not_start", CLIENT + "does_not_start", BESIDE + "usage_and_missing_programs"]),
    ("4 ids that are words: refused, in words", [SERVER + "ids_that_would_leave_it_root_are_refused"]),
    ("5 a limit of 0 accepts nothing", [SERVER + "a_limit_of_nothing"]),
    ("6 ports: leading zeros, empty, above 65535, services",
     [SERVER + "hosts_and_ports", SERVER + "ports_are_taken_modulo_65536",
      "pysvc/unix/test_tcp.py::test_port_numbers"]),
    ("7 addresses in odd forms",
     [SERVER + "hosts_and_ports", CLIENT + "hosts", "pysvc/formats/test_ip.py::test_literal"]),
    ("8 names from DNS alone; what is said of names without address",
     [LOOKUPS + "localhost_comes_from_dns_alone", FINDING + "names_come_from_dns_alone",
      SERVER + "does_not_start"]),
    ("9 tcpclient sets empty names where tcpserver removes them",
     [FINDING + "ends_without_a_name_get_an_empty_one", LOOKUPS + "unknown_names_are_removed"]),
    ("10 what is not known is removed, not inherited",
     [FOUND + "the_environment", LOOKUPS + "nobody_to_ask_who_it_is",
      FINDING + "names_that_cannot_be_found_out_are_removed"]),
    ("11 an empty -l is a name; -H still asks for the local name",
     [FOUND + "the_local_name", LOOKUPS + "the_local_name_is_looked_up_even_with_H",
      FINDING + "the_local_name_is_looked_up_even_without_the_other"]),
    ("12 an IDENT error is an empty user, and a key of rules",
     [LOOKUPS + "ident", LOOKUPS + "an_empty_ident_answer_is_known"]),
    ("13 blanks, colons and length of an IDENT user", [LOOKUPS + "ident", FINDING + "ident"]),
    ("14 the banner is for everybody, at once",
     [RULED + "a_denied_client_sees_the_banner_and_the_end", LOOKUPS + "the_banner_comes_before_look_ups"]),
    ("15 fields of the ok line are masked, and cut at 100 bytes",
     [SAID + "long_names_are_cut_in_the_log", FOUND + "the_local_name",
      "pysvc/formats/test_ucspi.py::test_fields_are_masked_and_cut"]),
    ("16 raw wait statuses",
     [SAID + "wait_statuses", SAID + "the_log", SAID + "a_program_that_cannot_be_run"]),
    ("17 order of status lines", [SAID + "the_log", SERVER + "the_limit"]),
    ("18 who is denied sees the end, and exit 100 is logged",
     [RULED + "a_denied_client_sees_the_banner_and_the_end"]),
    ("19 rules are opened for each connection; -X forgives only that there are none",
     [RULED + "missing_rules", RULED + "rules_are_read_for_each_connection"]),
    ("20 one rule alone; of variables the last, of lines the first",
     [RULED + "rules_set_variables", GRAMMAR + "the_first_key_decides_alone", RULES + "check"]),
    ("21 order of keys", [GRAMMAR + "order_of_keys", BESIDE + "tcprulescheck"]),
    ("22 suffixes of names; case counts",
     [GRAMMAR + "suffixes_cover_hosts_below_a_domain_only", RULES + "check"]),
    ("23 PATH of a rule does not find the program",
     [RULED + "a_path_from_the_rules_is_for_the_program_only"]),
    ("24 blanks, CR, missing colons and line ends in rules",
     [RULES + "a_bad_line_leaves_the_old_rules", RULES + "one_line_as_the_original", BESIDE + "tcprules"]),
    ("25 ranges that are empty or too wide", [RULES + "one_line_as_the_original", GRAMMAR + "records"]),
    ("26 any byte quotes; junk after it fails",
     [RULES + "one_line_as_the_original", GRAMMAR + "no_rule", BESIDE + "tcprules"]),
    ("27 a failure leaves the old database; mode, fsync and rename",
     [RULES + "a_bad_line_leaves_the_old_rules", RULES + "the_mode_obeys_the_umask",
      RULES + "written_to_the_disk_before_it_has_the_name"]),
    ("28 the database byte for byte", [RULES + "a_database_of_the_specification", BESIDE + "tcprules"]),
    ("29 tcprulescheck: exit 0, the empty key, no variables of denials, 0.0.0.0",
     [RULES + "check", RULES + "the_empty_key", RULES + "the_address_asked_about_where_none_is_given"]),
    ("30 -T: one figure, one address, silence in the first round",
     [FINDING + "addresses_that_do_not_answer", FINDING + "one_address_gets_both_times_at_once"]),
    ("31 one line for each address, and no other",
     [FINDING + "every_address_is_tried", CLIENT + "nobody_there"]),
    ("32 options of rblsmtpd act in order", [LISTS + "lists", BESIDE + "rblsmtpd"]),
    ("33 a list that failed makes later refusals temporary",
     [LISTS + "lists",
      "pysvc/engines/test_refusal.py::test_a_list_that_failed_makes_later_refusals_temporary"]),
    ("34 RBLSMTPD: a dash alone, empty",
     [LISTS + "the_message", LISTS + "what_the_environment_decided_is_not_asked"]),
    ("35 time is limited as a whole, in silence; -t 0; the log first",
     [LISTS + "replies_come_at_once_and_time_is_limited_as_a_whole", LISTS + "the_message"]),
    ("36 which verbs get the message", [LISTS + "the_conversation", BESIDE + "rblsmtpd"]),
    ("37 recordio: pid, exit code, ends of lines, raw bytes",
     [RECORD + "the_pid_is_the_programs", RECORD + "what_is_logged", BESIDE + "streams_in_chunks"]),
    ("38 256 bytes a record, logged before they are passed on",
     [RECORD + "what_is_logged", RECORD + "logged_before_it_is_passed_on"]),
    ("39 fixcrio: both ways, over borders", [CRIO + "both_ways", CRIO + "a_cr_is_remembered_between_chunks"]),
    ("40 CRs that addcr and delcr double and keep", [CR + "texts", BESIDE + "streams"]),
    ("41 pipelines exit 0 without a connection", [SMALL + "no_connection"]),
    ("42 signals that the program finds",
     [FOUND + "signals_and_modes_that_the_program_finds", CLIENT + "descriptors_and_signals"]),
    ("43 descriptors: numbers, blocking, inherited",
     [FOUND + "descriptors_that_the_program_finds", CLIENT + "descriptors_and_signals",
      REUSE + "descriptors_that_were_passed_on"]),
    ("44 SIGTERM ends the server alone",
     [SERVER + "sigterm_ends_the_server_and_not_its_children", SERVER + "sigterm_at_the_limit",
      LOOKUPS + "sigterm_ends_a_child_that_looks_up", REUSE + "sigterm_before_the_program"]),
    ("45 bytes of names are escaped; a name of digits passes -p",
     [LOOKUPS + "odd_bytes_in_names", LOOKUPS + "paranoia"]),
    ("46 how long servers are waited for",
     [RESOLVER + "silence_of_one_server_costs_59_seconds", RESOLVER + "a_failing_server_costs_11_seconds"]),
    ("47 exit codes of checkpassword",
     [CHECK + "exit_codes", CHECK + "no_program", CHECK + "refused", CHECK + "no_home_directory",
      CHECK + "accepted"]),
    ("48 one group, no word, no empty hash",
     [CHECK + "groups_and_dates_of_an_account", CHECK + "refused", PASSWORDS + "schemes"]),
    ("49 bytes that are no UTF-8 survive",
     [RULES + "bytes_survive", FOUND + "the_local_name", CLIENT + "the_variables"]),
    ("50 no crypt and spwd of the standard library; children are buried while it waits",
     [HERE + "no_module_that_python_has_dropped", SERVER + "the_limit"]),
    ("what an executed program inherits after another client",
     [REUSE + "what_an_executed_program_inherits_after_another_client",
      REUSE + "what_a_rule_sets_is_for_its_client_alone"]),
    ("usage and closed descriptors of every program",
     [BESIDE + "usage_and_missing_programs", BESIDE + "closed_descriptors"]),
    ("any client with any server, equal logs",
     [BESIDE + "any_client_with_any_server", CLIENT + "client_and_server_meet"]),
    ("the small clients beside the scripts",
     [BESIDE + "small_clients", SMALL + "text_services", SMALL + "mconnect"]),
    ("a refusal takes the same time, whoever it is",
     [PASSWORDS + "every_refusal_takes_one_hash_of_each_kind", PASSWORDS + "costs"]),
    ("checkpassword under another server, another one under qmail-popup",
     [DOVECOT + "right", DOVECOT + "wrong", DOVECOT + "unknown", POPUP + "another_checkpassword"]),
    ("no peer's text in a log, an environment or a rule that is not meant",
     [HOSTILE + "a_name_that_does_not_point_back_matches_nothing",
      HOSTILE + "no_byte_of_a_name_means_anything", HOSTILE + "no_byte_of_an_ident_answer_means_anything",
      HOSTILE + "an_ident_answer_cannot_name_another_address", PEERS + "rules_for_clients_of_a_proxy",
      PEERS + "names_of_a_proxys_clients", PEERS + "what_tcpclient_learns",
      PEERS + "what_a_list_says_is_one_line", PEERS + "nobody_forges_a_record_of_recordio",
      "pysvc/programs/test_proxy_server.py::test_what_is_dropped",
      "pymail/programs/test_hostile_clients.py::test_log"]),
]  # fmt: skip


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_bytes())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("trap", "tests"), TRAPS)
def test_there_is_a_test(trap: str, tests: list[str]) -> None:
    missing = [test for test in tests if test.partition("::")[2] not in functions_of(test.partition("::")[0])]
    assert not missing


def test_no_module_that_python_has_dropped() -> None:
    sources = [*TESTS.parent.glob("pysvc/**/*.py"), *TESTS.parent.glob("pymail/**/*.py")]
    assert sources
    for path in sources:
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"crypt", "spwd"} & set(names), path
