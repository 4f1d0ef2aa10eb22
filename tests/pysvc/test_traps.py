"""Where a re-implementation of daemontools goes wrong: each trap, and the tests that would notice

Number, what is to be observed, tests: `svstat:words` is test_words of programs/test_svstat.py, names with a
slash are relative to tests/pysvc. `like_…:`, `with:` and `classic:` compare with the C programs.
"""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
FILES = {"with": "programs/test_with_classic_tools.py",
         "classic": "programs/test_with_classic_daemontools.py", "log_pipe": "programs/test_log_pipe.py",
         "hostile": "programs/test_hostile_directories.py"}  # fmt: skip

TRAPS = """
1  the texts of errors
   | unix/strerr:words with:messages_and_codes classic:messages_and_codes like_supervise:supervise
2  svc and svstat exit 0 whatever failed; svok 100 or 111
   | svc:every_directory_gets_a_chance svstat:lines svok:no_directory svok:nobody_reads like_clients:clients
3  usage of envdir is 111, of readproctitle silent
   | with:messages_and_codes readproctitle:usage_is_silent like_chains:what_runs_another like_chains:filters
4  status: byte orders, offset, 18 bytes, replaced
   | formats/status:pack_documented_example supervise:files supervise:status_is_replaced
5  its time changes only with the pid
   | supervise_commands:down_keeps_the_time_of_death engines/supervisor:time_changes_only_with_the_pid
6  normally: what `down` is now; supervise looks once
   | svstat:words supervise_lives:down_file_added_later like_clients:clients
7  the order of svstat's words | svstat:words like_clients:clients
8  svc -x stops nothing and restarts nothing
   | supervise_commands:exit_waits_for_the_death engines/supervisor:death_after_commands
9  TERM then CONT; nothing escalates
   | supervise_commands:pause supervise_commands:no_escalation engines/supervisor:commands
10 -o on a running service
   | supervise_commands:once_on_a_running_service engines/supervisor:death_after_commands
11 commands are delayed, never lost, and in order
   | supervise_commands:burst supervise_commands:once_then_exit supervise_commands:exit_while_down
   | engines/supervisor:the_last_word_counts
   | supervise_machine:the_last_word_counts supervise_attended:no_command_is_lost
12 at once after a long life, once a second otherwise
   | supervise_lives:long_life_needs_no_pause supervise_lives:paced_restarts
13 pauses on the monotonic clock
   | svscan_passes:pause_is_measured_on_the_monotonic_clock supervise_lives:clock_steps_do_not_matter
14 opening a fifo never waits, a stale one is no supervise, and an absent writer is no spin
   | svstat:lines svc:every_directory_gets_a_chance unix/fifo:ends supervise_lives:rests_when_svc_has_gone
15 ok after the first status, and not for ./run
   | supervise:readable_before_ok supervise_lives:death_of_supervise supervise_run:no_descriptor_of_its_own
16 descriptors: none leaks, those meant are there
   | supervise_run:no_descriptor_of_its_own svscan:tree setlock:the_program_holds_the_lock_and_the_descriptor
   | setlock:the_lock_goes_through_a_chain fghack:thirty_one_descriptors multilog:memory_of_a_processor
17 no signal ignored or blocked in a child; exec programs leave them alone
   | supervise_run:signals_and_descriptors multilog:a_processor_finds_default_signals
   | chain:what_the_last_program_sees svscan_noticing:alarm_makes_it_look
18 TERM to supervise leaves the service | supervise_lives:death_of_supervise like_supervise:supervise
19 svscan restarts at its next look only
   | svscan:what_dies_comes_back svscan:what_has_died_waits_for_the_next_look
20 device and inode
   | svscan:tree svscan_passes:rename_and_replacement engines/scanner:known_by_identity like_svscan:svscan
21 dots, files, dangling links; log is decided once
   | svscan_passes:what_is_a_service svscan_passes:any_log_counts svscan_passes:log_is_decided_once
   | like_svscan:svscan
22 the log pipe survives
   | svscan:what_dies_comes_back svscan:log_sees_the_end log_pipe:no_line_is_lost
23 supervise along PATH
   | svscan:supervise_is_looked_up svscan:supervise_of_the_log_is_looked_up like_svscan:svscan
24 n and s: NUM - 1 old files, minima
   | multilog:number_of_files formats/logscript:size_limits formats/logname:one_less_than_the_number_stays
25 the newline within 2000 bytes; long lines are split
   | multilog:lines_end_files engines/logdir:a_line_that_is_too_long_fills_files_to_the_last_byte
   | engines/logdir:a_file_ends_with_the_first_newline_within_2000_bytes_of_the_limit with:multilog
26 patterns without looking back | formats/logscript:patterns formats/logscript:matching_is_that_of_the_rules
27 patterns see the label
   | engines/loglines:the_label_is_part_of_them formats/logscript:patterns with:multilog
28 t as the first; unknown actions; e without pattern
   | formats/logscript:t_counts_only_as_the_first formats/logscript:unknown_actions_do_nothing with:multilog
29 200 bytes and dots; 1001 bytes
   | formats/logscript:alerts_show_200_bytes formats/logscript:records_are_1001_bytes
   | multilog:selection_alerts_and_status_files
30 selection at the place of each directory
   | formats/logscript:selection_is_that_at_the_place_of_each_directory
31 modes of current; a crash leaves .u, even empty
   | multilog:names_and_modes multilog:current_is_marked_as_incomplete_while_it_is_in_use
   | multilog:a_killed_multilog multilog:after_a_crash like_multilog:multilog_after_a_crash
32 the name tells the time of rotation; mode of a finished file
   | unix/logfiles:a_name_that_is_taken multilog:number_of_files
33 TERM in a line; ALRM makes no empty file
   | multilog:term_in_a_line_waits_for_its_end_and_leaves_the_rest multilog:alarm_finishes_what_is_there
   | like_multilog:multilog_and_signals
34 two warnings of a crash, one of a failure; TERM waits
   | unix/logfiles:a_processor_that_crashes_is_said_twice multilog:a_processor_is_tried_again
35 complete lines are flushed | multilog:complete_lines_are_there_before_more_is_read
36 a full disk loses nothing | unix/logfiles:a_full_disk_goes_on_with_the_byte_it_reached
37 unfinished last lines; flushed before each read
   | multilog:lines_with_labels tai64n:what_was_read_is_written_before_more_is_read with:tai64n
   | like_chains:filters
38 tai64nlocal: line starts, lower case, any length, 9 digits
   | tai64n:local_time formats/localtime:lines formats/localtime:impossible_labels_stay with:tai64nlocal
39 one supplementary group; root alone | setuidgid:the_ids_of_the_account setuidgid:only_root_can
40 envdir: empty, unset, CR, NUL, names | envdir:content envdir:names envdir:errors with:envdir
41 PATH: the old one, in the original's way
   | with:search_along_path like_chains:what_runs_another
   | envdir:the_program_runs_where_envdir_did_and_is_found_by_the_old_path
42 softlimit: soft ones alone, clamped; -m is four
   | softlimit:figures softlimit:m_is_four_limits softlimit:usage with:softlimit
   | softlimit:what_it_says_is_limited_too
43 setlock: flock, no truncation, -x hides no exec
   | setlock:the_program_holds_the_lock_and_the_descriptor with:messages_and_codes
   | with:a_lock_of_one_is_a_lock_of_the_other
44 pgrphack makes a session; fghack waits for all copies
   | pgrphack:session fghack:waits_for_the_background
45 readproctitle: NULs, newlines, three dots, dots first
   | readproctitle:push_byte_by_byte readproctitle:as_the_c_program_shows_it
   | readproctitle:last_argument_becomes_dots
"""

# Every program beside the C program of the same name, by generated invocations where that can be.
BESIDE = """
svscanboot | svscanboot:as_the_classic_one
svscan | like_svscan:svscan classic:svscan_and_supervise
supervise | like_supervise:supervise classic:a_service_through_its_life classic:one_lock
   | classic:one_after_the_other
svc | like_clients:clients classic:a_service_through_its_life
svok | like_clients:clients classic:messages_and_codes
svstat | like_clients:clients classic:seconds_are_counted_alike
fghack | like_chains:what_runs_another
pgrphack | like_chains:what_runs_another
readproctitle | like_chains:filters readproctitle:as_the_c_program_shows_it
multilog | with:multilog like_multilog:multilog_after_a_crash like_multilog:multilog_and_signals
   | with:one_goes_on_where_the_other_stopped
tai64n | with:tai64n like_chains:filters
tai64nlocal | with:tai64nlocal like_chains:filters
setuidgid | like_chains:what_runs_another with:messages_and_codes
envuidgid | like_chains:what_runs_another with:search_along_path
envdir | with:envdir like_chains:what_runs_another
softlimit | with:softlimit like_chains:what_runs_another
setlock | like_chains:what_runs_another with:a_lock_of_one_is_a_lock_of_the_other
"""


def rows(table: str) -> dict[str, list[str]]:
    """The first word of each row, and its tests."""
    found = {}
    for line in table.strip().replace("\n   ", " ").split("\n"):
        first, *rest = line.split("|")
        found[first.split()[0]] = " ".join(rest).split()
    return found


@cache
def functions(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    body = ast.parse(path.read_bytes()).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


def exists(name: str) -> bool:
    module, _, function = name.partition(":")
    if module == "chain":
        path = TESTS / "test_chain.py"
    elif module in FILES:
        path = TESTS / FILES[module]
    else:
        folder, _, module = module.rpartition("/")
        path = TESTS / (folder or "programs") / f"test_{module}.py"
    return f"test_{function}" in functions(path)


def missing(table: str) -> list[str]:
    return [test for tests in rows(table).values() for test in tests or ["none"] if not exists(test)]


def test_each_trap_has_its_tests() -> None:
    assert list(rows(TRAPS)) == [str(number) for number in range(1, 46)]
    assert missing(TRAPS) == []


def test_each_program_is_compared() -> None:
    assert len(rows(BESIDE)) == 17
    assert missing(BESIDE) == []


def test_what_is_no_test() -> None:
    assert missing("x | svstat:words\ny | svstat:no_such_test\nz") == ["svstat:no_such_test", "none"]
