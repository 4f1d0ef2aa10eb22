"""All rules together: from facts to findings"""

from pymail.installation.judgement import delivery, domains, forms, relaying
from pymail.installation.judgement.facts import PROBLEM, Facts, Finding, Unreadable

RULES = (*relaying.RULES, *domains.RULES, *forms.RULES, *delivery.RULES)


def findings(facts: Facts) -> list[Finding]:
    """What is wrong with a home, the problems first."""
    found: list[Finding] = []
    for rule in RULES:
        try:
            found.extend(rule(facts))
        except Unreadable:
            continue  # that the file cannot be read is a finding of its own
    return sorted(found, key=lambda finding: finding.severity != PROBLEM)
