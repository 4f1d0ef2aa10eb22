"""Where a re-implementation of qmail goes wrong: each trap, and the tests that fail if it is walked into

The traps are those of the behaviour of netqmail 1.06, in three chapters: number, what is to be observed,
tests. `programs/qmail_queue:longest_address` is test_longest_address of tests/pymail/programs/
test_qmail_queue.py; `stories/` and `pysvc/` lie beside tests/pymail; `dialog:` is a transcript of
tests/dialogs, which runs both on the value and on the process.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
BESIDE = ("stories", "pysvc")

QUEUE = """
1  mess has inode N, the other files have not | programs/qmail_queue:numbers_owners_and_modes
2  mess, info, local, remote are split; todo, intd, bounce, pid and the words to qmail-clean are not
   | programs/qmail_send:one_message stories/split:what_is_there_is_continued queue/cleanup:foop
3  the envelope is not read before the message ends
   | programs/qmail_queue:envelope_is_not_read_before_the_message_ends
4  1002 bytes of address pass, 1003 end with 11 and leave debris | programs/qmail_queue:longest_address
5  no recipients: queued, recorded, gone
   | programs/qmail_queue:no_recipients programs/qmail_send:no_recipients
6  a truncated envelope is 54 and leaves nothing, a wrong letter 91 and leaves files
   | programs/qmail_queue:truncated_envelope programs/qmail_queue:malformed_envelope
7  the Received line: who asked, day unpadded, -0000
   | formats/received:queue_received formats/received:day_is_not_padded
   | programs/qmail_queued:received_line_tells_who_asks
8  owners and modes; a mess file of anybody else is deferred
   | programs/qmail_queued:owners_in_a_home_of_root programs/qmail_send:one_message
   | programs/qmail_lspawn:message_of_somebody_else
9  no setuid bit: the caller's environment, directory and mask do not matter
   | programs/qmail_queue:environment_directory_and_mask_do_not_matter stories/privilege:what_joe_may_not
10 ALRM ends qmail-queue with 52 and debris, TERM kills it, INT, HUP, QUIT, PIPE do nothing
   | programs/qmail_queue:signals_that_end_it_leave_debris programs/qmail_queue:ignored_signals
11 the trigger: never waits, never complains, is never read
   | unix/trigger:nobody_reads unix/trigger:no_trigger unix/trigger:full_fifo unix/trigger:pull_and_reopen
12 the trigger is waited for anew after each reopening; no child holds it
   | programs/qmail_send:trigger programs/qmail_send:sleeps_when_there_is_nothing_to_do
   | programs/qmail_send:no_child_holds_the_trigger_or_the_mutex
13 the slot bytes come first; the smaller of byte and control counts; 0 holds mail
   | programs/qmail_send:concurrency programs/qmail_send:no_concurrency_holds_the_mail
   | programs/qmail_send_partners:spawner_without_a_word
14 slot 0 begins a frame with a zero byte
   | protocols/spawn:a_request_for_slot_0 protocols/spawn:a_report_of_slot_0_is_one_frame
15 recipients start in the order of the file | programs/qmail_send:all_slots_are_used_in_the_order_of_the_file
16 a report needs the death of the child and the end of its pipe
   | programs/qmail_lspawn:background_job_keeps_the_slot
   | programs/qmail_lspawn:process_that_closed_its_output_is_waited_for
17 reports: 3000 bytes of qmail-local's, all of qmail-remote's, 10000 for qmail-send
   | formats/spawnreport:cut programs/qmail_lspawn:ends programs/qmail_rspawn:reports
   | programs/qmail_send_partners:a_report_in_pieces_and_too_long
18 exit codes of qmail-local: 99 is a failure, 112 to 126 have words of their own | formats/spawnreport:local
19 @host is trash and a success; no @ is refused | programs/qmail_lspawn:trash programs/qmail_lspawn:refusals
20 qmail-remote's reports together: s beats K, nothing unterminated counts | formats/spawnreport:remote_output
21 users/cdb: exact keys end in zero, the rest of a wildcard keeps its case, the empty key must be there
   | formats/assign:records formats/assign:find formats/assign:find_without_list_of_ends
   | programs/qmail_lspawn:users_database programs/qmail_lspawn:damaged_database
22 the spawners start without descriptor 2
   | programs/qmail_start:descriptors programs/qmail_lspawn:descriptor_2_closed
   | programs/qmail_rspawn:descriptor_2_closed
23 birth is info's mtime, the schedule that of the channel files
   | programs/qmail_send_bounces:last_attempt programs/qmail_send_control:the_schedule_survives
24 retries count from birth, by the begin of the pass
   | engines/schedule:the_first_attempts engines/jobs:retry_and_last_attempt_count_from_the_begin_of_the_pass
25 after the lifetime there is one more attempt
   | engines/schedule:a_week_of_attempts engines/jobs:outcomes programs/qmail_send_bounces:last_attempt
26 TERM: nothing said, exitasap, only what waits is stamped, exit 0
   | programs/qmail_send_control:term programs/qmail_send_partners:lost_spawner
27 what preprocessing left is made anew; nothing of todo is scheduled from info
   | programs/qmail_send_recovery:preprocessing_starts_over
28 a ! for todo leaves the message until the next scan | programs/qmail_send_partners:qmail_clean_cannot
29 HUP reads locals and virtualdomains alone; ALRM leaves what runs alone
   | programs/qmail_send_control:hup programs/qmail_send_control:alarm_leaves_deliveries_alone
30 maps: any case, the last line wins, a value may have colons and a CR | formats/control:a_mapping
31 virtualdomains: the order of keys, the empty value, the joint, .x is not x
   | engines/rewrite:rewrite engines/rewrite:catch_all engines/rewrite:suffixes
32 percenthack before locals, more than once, last % and last @ | engines/rewrite:rewrite
33 VERP for each delivery with the rewritten recipient; bounces go to the sender without -@[]
   | engines/rewrite:delivery_sender programs/qmail_send:rewriting
   | programs/qmail_send_bounces:bounce_to_the_owner_of_a_list
34 prefixes come off in bounces only where a domain gave them
   | engines/rewrite:without_prefix programs/qmail_send_bounces:checkpoints_and_bounce
35 each recipient of a bounce is one paragraph
   | formats/bounce:paragraph formats/bounce:one_paragraph_for_each_recipient
36 bounces byte for byte: single, double, triple
   | programs/qmail_send_bounces:checkpoints_and_bounce programs/qmail_send_bounces:double_bounce
   | programs/qmail_send_bounces:triple_bounce
37 doublebounceto is a recipient like any other | programs/qmail_send_bounces:double_bounce
38 the record has no blanks in strangers' words; qmail-qread keeps them
   | programs/qmail_send:strangers_words_are_sanitised programs/qmail_qread:list
39 bytes count the Received line; bounces are qmails'
   | programs/qmail_send_bounces:checkpoints_and_bounce programs/qmail_start:a_bounce_between_accounts
40 delivery numbers begin at 1 in each process | queue/finish:delivery_numbers_begin_anew
41 bounce text before D, D before the status line
   | queue/order:order queue/finish:a_report_of_success_is_marked_before_it_counts
42 end msg is said before info goes, again if need be | queue/finish:the_end_is_recorded_before_info_goes
43 strays by atime, over 36 hours, never with info or todo
   | programs/qmail_send_recovery:strays queue/todo:strays_are_older_than_36_hours queue/cleanup:old_pid_files
44 qmail-clean: one byte each, pid at the start, silent at the end
   | queue/cleanup:one_answer_to_what_is_no_command queue/cleanup:old_pid_files
   | queue/cleanup:end_inside_a_command
45 locks are flock
   | programs/qmail_send_control:second_qmail_send programs/qmail_send_control:posix_locks_do_not_count
   | unix/tcpto:nobody_writes_while_the_lock_is_held
46 tcpto: little-endian, at most 10, 120 seconds, a window by pid, wiped by qmail-rspawn
   | formats/tcpto:the_first_timeout formats/tcpto:a_second_one_too_early_changes_nothing
   | formats/tcpto:how_long_a_suspect_is_left_alone formats/tcpto:the_count_ends_at_ten
   | programs/qmail_tcpto:list programs/qmail_rspawn:timeouts_are_forgotten_at_the_start
47 qmail-qread: its spaces, its errors on standard output
   | programs/qmail_qread:list programs/qmail_qread:bouncing programs/qmail_qread:trouble_with_one
   | programs/qmail_qread:fatal
48 an unterminated record of todo does not count; an unterminated info is trouble
   | programs/qmail_send_recovery:unterminated_last_record programs/qmail_send_recovery:trouble_in_a_pass
49 whole seconds: no sleep while there is work, no spinning without
   | programs/qmail_send:sleeps_when_there_is_nothing_to_do queue/todo:scans_now_and_then
   | engines/schedule:the_lifetime_itself_is_not_over
50 a number may come again within the second | queue/finish:a_number_comes_again
"""

NETWORK_AND_DELIVERY = """
1  no rcpthosts: all domains; an empty one: only addresses without one
   | dialog:rcpthosts_missing dialog:rcpthosts_empty dialog:rcpthosts
2  RELAYCLIENT counts when set; its value goes behind the domain
   | dialog:relayclient_empty dialog:relayclient_suffix
3  badmailfrom is told at RCPT, to relay clients too | dialog:badmailfrom
4  MAIL and RCPT without arguments succeed | dialog:no_arguments
5  899 bytes without quotes pass, 900 do not | dialog:long_addresses
6  a second MAIL begins anew; DATA uses it up | dialog:sequence
7  LF alone: fine in commands, the end in a message
   | dialog:bare_lf_commands dialog:stray_newline_1 dialog:stray_newline_5
8  CR CR LF keeps a CR; .CRLF at once is an empty message | protocols/smtp_data:stored dialog:odd_line_ends
9  .CRx keeps its dot | protocols/smtp_data:stored
10 hops: prefixes without colon, in the header, the own line not counted
   | protocols/smtp_data:hops protocols/smtp_data:hops_stop_at_the_body programs/qmail_smtpd:hops
11 databytes counts what is stored and is told at the end; hops win
   | dialog:databytes programs/qmail_smtpd:hops_win_over_size
12 DATABYTES without digits is no limit | dialog:databytes_environment dialog:databytes_text
13 an empty smtpgreeting stays empty, # is no comment | dialog:greeting_empty dialog:greeting_first_line
14 with SMTP after EHLO too; strange bytes become ?
   | dialog:one_message dialog:helo_is_strange formats/received:bytes_that_may_stand
15 HELO that is the host's name is not shown; FROM and TO are not looked at
   | dialog:helo_is_the_host dialog:addresses
16 QMAILQUEUE is not searched for; a missing one is told after the dot
   | programs/qmail_smtpd:missing_queue_program programs/qmail_smtpd:queue_program_is_not_searched_for
17 replies come although nothing else is said | programs/qmail_smtpd:a_reply_comes_without_further_input
18 a connection that breaks in DATA queues nothing | programs/qmail_smtpd:end_of_input_is_no_message
19 +OK has a blank behind it; the stamp is that of the argument
   | protocols/pop3:greeting protocols/pop3:user_and_pass programs/qmail_popup:hand_over
20 qmail-popup exits 1 always; every failure reads the same
   | programs/qmail_popup:hand_over programs/qmail_popup:refused
21 PASS keeps inner and trailing spaces | programs/qmail_popup:hand_over
22 STAT counts deleted messages but not their bytes | protocols/pop3:replies
23 an empty line more at the end; sizes are those of the file
   | protocols/pop3:body programs/qmail_pop3d:session
24 RETR takes a number of lines, TOP needs none | protocols/pop3:sending programs/qmail_pop3d:session
25 LAST follows DELE; QUIT moves all, a broken connection nothing
   | protocols/pop3:replies programs/qmail_pop3d:session
   | programs/qmail_pop3d:dropped_connection_changes_nothing
26 what came in this second is not seen; cur must be there
   | programs/qmail_pop3d:this_second_and_the_future_are_not_seen programs/qmail_pop3d:no_cur
27 tmp: by atime, 36 hours, no dot files | programs/qmail_pop3d:old_files_in_tmp
28 a route has no MX and no self check; an empty one means MX
   | delivery/remote:a_route_never_asks_for_exchangers programs/qmail_remote:accepted
   | programs/qmail_remote:an_empty_route_wins_over_the_one_for_all
29 routes: the last line wins; users/assign: the first | formats/smtproutes:routes formats/assign:find
30 one connection is all; a 5xx greeting is temporary
   | programs/qmail_remote:one_connection_is_all programs/qmail_remote:names programs/qmail_remote:refused
31 all recipients refused for now: s and D, which make Z
   | programs/qmail_remote:all_recipients_for_now_is_a_permanent_report formats/spawnreport:remote_output
32 a message without a last newline fails after RCPT | programs/qmail_remote:partial_last_line
33 addresses without @ go unquoted; an empty box is ""
   | programs/qmail_remote:paths protocols/smtp_client:paths
34 two timeouts, 120 seconds apart; a refusal resets
   | formats/tcpto:a_second_one_too_early_changes_nothing formats/tcpto:an_answer_resets_only_the_count
   | unix/tcpto:two_timeouts_make_a_suspect programs/qmail_remote:timeouts_are_counted_and_the_host_left_alone
35 exit 0 whatever happens
   | programs/qmail_remote:refused programs/qmail_remote:usage programs/qmail_remote:connection_died
36 hosts are shown with ?, replies as they came
   | delivery/remote:what_is_no_character_of_a_host
   | protocols/smtp_client:text_of_a_reply_is_copied_but_for_nul
37 QMTP: the first byte is not stored; no badmailfrom, no hops
   | protocols/qmtp:line_ends programs/qmail_qmtpd:badmailfrom_and_hops_do_not_matter
38 QMTP answers each recipient; QMQP once, and asks for no rcpthosts
   | protocols/qmtp:answers_in_their_order programs/qmail_qmqp:a_message_into_the_queue
39 the next QMQP server only where one cannot be reached
   | programs/qmail_qmqp:answers programs/qmail_qmqp:end_to_end
40 .qmail: empty is the default, only comments discard, a blank line defers
   | programs/qmail_local:empty_file_is_the_default_delivery programs/qmail_local:only_comments_is_not_empty
   | programs/qmail_local:blank_first_line
41 names of files are lowered and have colons; variables are not
   | programs/qmail_local:search programs/qmail_local_programs:environment
42 .qmaildefault is looked at, a directory is not, an unreadable file defers
   | programs/qmail_local:empty_dash_looks_for_qmaildefault programs/qmail_local:directory_is_skipped
   | programs/qmail_local:unreadable_file_defers
43 writable by the group is fine, by all is not, a sticky home waits
   | programs/qmail_local:group_writable_is_fine programs/qmail_local:writable_home
   | programs/qmail_local:writable_file_defers programs/qmail_local:sticky_home
44 99 sends the forwards above it; 100 and 111 none
   | programs/qmail_local_programs:99_leaves_out_the_rest
   | programs/qmail_local_programs:nothing_is_forwarded_after_a_failure
45 which codes of commands are hard; of qmail-local all unlisted ones
   | programs/qmail_local_programs:hard_exit_codes programs/qmail_local_programs:soft_exit_codes
   | formats/spawnreport:local
46 HOST2 to 4 repeat, EXT2 to 4 become empty | programs/qmail_local_programs:environment
47 -owner by the whole extension, not for bounces | programs/qmail_local_programs:list_owner
48 Delivered-To: exact, in the header | formats/delivered:header_has programs/qmail_local:no_loop
49 which of Return-Path and Delivered-To goes where
   | programs/qmail_local_programs:program programs/qmail_local_programs:forward
   | programs/qmail_local_mailboxes:mbox
   | programs/qmail_local_mailboxes:maildir
50 mbox: padded day, mboxrd quoting, one blank line
   | formats/mbox:from_line_pads_the_day_with_zero formats/mbox:quoted programs/qmail_local_mailboxes:mbox
51 without a lock it is delivered, but never cut back
   | delivery/mbox_delivery:no_lock_is_no_reason delivery/mbox_delivery:only_who_has_the_lock_cuts_back
52 did F+W+P; qp only where something was forwarded
   | programs/qmail_local_programs:program programs/qmail_local_programs:forward
53 qmail-getpw: longest first, 31 bytes, no root, no foreign homes
   | programs/qmail_getpw:accounts programs/qmail_getpw:which_accounts_get_mail
54 wildcards only at listed ends; +: always; any other first byte is =
   | formats/assign:find formats/assign:empty_prefix_always_applies
   | formats/assign:any_other_first_byte_is_exact
55 the words for errors are qmail's own | pysvc/unix/strerr:words pysvc/unix/strerr:what_has_no_words
56 maildir2mbox keeps a last line without newline | programs/maildir2mbox:messages
57 the servers expand nothing | dialog:unchanged_addresses
"""

INJECTION_AND_USERS = """
1  recipients of a field from right to left | engines/inject:recipients_come_from_the_end_of_each_field
2  To: a b@c d is three | formats/addresslist:walk engines/inject_headers:any_list_of_addresses
3  <a@b> <c@d> gets no comma; <a@b> (c) no blank | formats/addresslist:walk
4  comments go behind their address; inner parentheses vanish
   | formats/addresslist:walk formats/token822:parse
5  Foo, Bar <a@b>: Foo is one too | formats/addresslist:walk
6  A: x;B: y; swallows x | formats/addresslist:walk
7  x grp: a and a; b; are wrong, a; b is not | formats/addresslist:no_list formats/addresslist:walk
8  undisclosed-recipients:; is nobody and needs no Cc | engines/inject:undisclosed_recipients
9  <> is a recipient | engines/inject:the_empty_address_is_a_recipient
10 78 bytes, after commas, two spaces; other fields are left
   | formats/token822:fold_keeps_lines_within_78 formats/token822:fold_never_breaks_a_piece
   | engines/inject:other_fields_are_not_touched
11 new fields first; -n begins with Return-Path
   | engines/inject:what_is_missing_comes_first_in_its_order programs/qmail_inject:dry_run
12 a body without a blank line gets one, CRLF too
   | programs/qmail_inject:where_the_header_ends formats/header:split
13 From lines become MBOX-Line; >From ends the header
   | programs/qmail_inject:where_the_header_ends formats/header:split
14 a last newline is added by qmail-inject and by nobody else
   | programs/qmail_inject:where_the_header_ends programs/delivery_commands:forward
   | programs/delivery_commands:redirect programs/delivery_commands:preline programs/maildir2mbox:messages
15 which fields are recipients, and which are deleted | engines/inject:fields_that_go_and_stay
16 resent: other recipients, nothing added of the rest
   | engines/inject:a_resent_message engines/inject:recipients_of_a_resent_message
   | engines/inject:a_resent_message_may_be_left_without_from
17 -f is completed, never made VERP; Return-Path gets -@[] alone
   | engines/inject:sender_by_option engines/inject:return_path
18 no recipients at all are accepted | programs/qmail_inject:recipients programs/sendmail:no_recipients
19 sendmail -t b mails b as well | programs/sendmail:both_kinds_of_recipients
20 sendmail -f changes From; -bd, -q and others are wrong; a bare -e eats a word
   | programs/sendmail:the_sender_is_shown_in_from programs/sendmail:sender_and_name
   | programs/sendmail:modes_that_it_has_not programs/sendmail:options_that_it_has_not
   | programs/sendmail:what_is_passed_on
21 -bs relays only where PROTO is unset | programs/sendmail:smtp
22 arguments are raw addresses | engines/inject:arguments_are_raw_addresses programs/qmail_inject:recipients
23 names are quoted always; empty ones are values | engines/inject:generated_from
24 empty files are empty values; numbers need digits; blanks and # as they stand
   | programs/qmail_inject:an_empty_control_file_is_an_empty_value formats/control:numbers
   | formats/control:a_list formats/control:a_line
25 duplicates: the last of a map, the first of a cdb
   | formats/control:a_mapping formats/smtproutes:routes programs/qmail_pw2u:files formats/assign:find
26 HUP reads two files | programs/qmail_send_control:hup
27 dates and the Message-ID
   | formats/received:day_is_not_padded formats/mbox:from_line_pads_the_day_with_zero
   | programs/qmail_inject:the_message_id_names_the_process
28 escaped specials lose their quotes, other alphabets gain them
   | formats/token822:parse formats/token822:render
29 a+ is no plus domain, host+ is; one dot goes | engines/qualify:rewrite
30 qmail-newu: what is an assignment, and what is none
   | formats/assign:records formats/assign:bad_format formats/assign:any_other_first_byte_is_exact
   | formats/assign:prefix_ends_are_distinct_as_typed_and_in_order
31 a wildcard that ends in a capital never matches | formats/assign:find
32 qmail-pw2u needs alias; mailnames replace; subusers have no comments
   | programs/qmail_pw2u:alias_must_be_there programs/qmail_pw2u:files
33 homes that are not the user's, uid 0, and -h
   | programs/qmail_pw2u:owners_only programs/qmail_pw2u:missing_home
   | programs/qmail_getpw:which_accounts_get_mail
34 condredirect: 99, SENDER, and no for a program that is not there
   | programs/delivery_commands:redirect programs/delivery_commands:no
35 preline needs all three lines; a child that stops reading is 111
   | programs/delivery_commands:preline_needs_all_lines
   | programs/delivery_commands:preline_to_a_program_that_does_not_listen
36 qp N is said on descriptor 2 | programs/delivery_commands:forward programs/delivery_commands:redirect
37 qreceipt: the case counts, bounces do not ask, From is who asked
   | programs/qreceipt:notice programs/qreceipt:no_notice
38 maildirmake of what is there fails; maildir2mbox with nothing opens nothing
   | programs/maildirmake:existing programs/maildir2mbox:nothing_there_nothing_opened
39 files of this second are not there yet
   | programs/qmail_pop3d:this_second_and_the_future_are_not_seen
   | programs/maildir2mbox:order_and_what_was_there
40 splogger: 799 bytes, one stamp and priority for a line; a last line is kept
   | formats/syslogline:long_lines formats/syslogline:priorities formats/syslogline:the_last_line_is_not_lost
   | programs/splogger:lines_in_syslog
41 tcp-env believes PROTO; no name, no variable; softdnserror
   | programs/tcp_env:proto_is_trusted programs/tcp_env:no_names programs/tcp_env:variables_of_a_connection
42 qmail-showctl: files that it does not know, blanks and dots
   | programs/qmail_showctl:other_files programs/qmail_showctl:everything_is_configured
43 config-fast appends, config replaces; short names stay whole
   | programs/config_fast:again programs/config_fast:short_names_stay_whole programs/config:dns_knows_the_host
44 0.0.0.0 is me
   | unix/interfaces:here programs/config:dns_knows_the_host programs/qmail_remote:mail_to_myself
45 the trigger is a fifo, 0622; a file there makes mail wait
   | installation/hierarchy:owners_and_modes installation/hierarchy:what_lies_in_the_queue
   | queue/finish:a_file_in_the_place_of_the_trigger unix/trigger:a_file_in_its_place
46 alias is 2755; an empty .qmail file is the default
   | installation/hierarchy:owners_and_modes programs/qmail_local:empty_file_is_the_default_delivery
47 qmailctl: 0 for all its words, 1 for others
   | programs/qmailctl:known_verbs_succeed_whatever_the_tools_say programs/qmailctl:usage
   | programs/qmailctl:verbs
48 qmailctl cdb says Reloaded in any case | programs/qmailctl:rules
49 a relative QMAILQUEUE is below the home; none is 111
   | programs/qmail_inject:the_queue_program_is_looked_for_from_the_home
   | programs/qmail_inject:no_queue_program
50 Mail-Followup-To: order, one a line, To and Cc, not resent
   | engines/inject:mail_followup_to programs/qmail_inject:mail_followup_to
51 Return-Path: the rightmost of the first | engines/inject:return_path
52 bytes over 127: end of header, untouched, or quoted
   | formats/header:split engines/inject:fields_that_go_and_stay formats/token822:parse
53 a newline in a comment or name | engines/inject:a_folded_comment engines/inject:generated_from
54 To: foo: bar, baz fails, also with recipients as arguments
   | engines/inject:a_field_that_cannot_be_parsed programs/qmail_inject:a_header_that_cannot_be_parsed
"""

CHAPTERS = {"queue": (QUEUE, 50), "network and delivery": (NETWORK_AND_DELIVERY, 57),
            "injection and users": (INJECTION_AND_USERS, 54)}  # fmt: skip


def traps(chapter: str) -> dict[int, tuple[str, list[str]]]:
    """The traps of a chapter: number -> (what is to be observed, names of tests)."""
    found = {}
    joined = chapter.strip().replace("\n   ", " ")
    for line in joined.split("\n"):
        first, *rest = line.split("|")
        number, words = first.split(maxsplit=1)
        found[int(number)] = (words.strip(), " ".join(rest).split())
    return found


@cache
def functions(path: Path) -> frozenset[str]:
    return frozenset(
        node.name for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)
    )


def exists(name: str) -> bool:
    """Whether there is a test of that name."""
    module, _, function = name.partition(":")
    if module == "dialog":
        return (TESTS / "dialogs" / f"{function}.dialog").exists()
    folder, _, module = module.rpartition("/")
    base = TESTS if folder.split("/")[0] in BESIDE else TESTS / "pymail"
    path = base / folder / f"test_{module}.py"
    return path.exists() and f"test_{function}" in functions(path)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_trap_has_its_tests(chapter: str) -> None:
    text, count = CHAPTERS[chapter]
    table = traps(text)
    assert list(table) == list(range(1, count + 1))
    assert [number for number, (_, tests) in table.items() if not tests] == []
    missing = [(number, name) for number, (_, tests) in table.items() for name in tests if not exists(name)]
    assert missing == []


def test_what_is_no_test() -> None:
    assert exists("programs/qmail_queue:queued")
    assert not exists("programs/qmail_queue:no_such_test")
    assert not exists("programs/no_such_file:queued")
    assert not exists("dialog:no_such_dialog")
