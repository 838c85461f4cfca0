"""The words that decide what a sentence says of a finding: denied, asked, likely, long ago, of somebody else.

Plain data. A phrase is a regular expression whose spaces match any small white space; longer phrases win over
shorter ones. ``AHEAD`` phrases speak of what follows them, ``BEHIND`` phrases of what stands before. ``SEEMING``
phrases only look like a denial.
"""

from __future__ import annotations

#: What a text may say of a finding, the strongest claim on it first: where several scopes cover a mention, the
#: first of these wins ("suspected thrombosis was ruled out").
PRESENCES = (
    "other_person", "hypothetical", "refuted_prior", "not_assessed", "absent", "historical", "possible",
    "probable",
    "definite",
)  # fmt: skip

SEEN = (
    r"(?:seen|identified|visuali[sz]ed|visible|demonstrated|demonstrable|detected|detectable|appreciated|"
    r"found|shown|"
    r"evident|apparent|identifiable|noted|observed|confirmed|recogni[sz]able)"
)
BE = (
    r"(?:(?:is|are|was|were|be|been|being|has been|have been|had been|could be|can be|can now be|remains?|"
    r"seems?|"
    r"appears?|looks?) )?(?:(?:now|also|again|still|therefore|thus|both|all) )?"
)
_ADJECTIVES = (
    r"(?: (?:significant|relevant|interval|appreciable|further|obvious|real|major|substantial|definite|"
    r"marked|overt))"
    r"{0,3}"
)
_STUDY = (
    r"(?:mri|mr|magnetic|ct|x-?rays?|xray|radiographs?|plain|ultrasound|us|sonograph\w*|scans?|stud(?:y|"
    r"ies)|imaging|"
    r"images?|reports?|examinations?|exams?|providers?|physicians?|doctors?|clinicians?|surgery|surgical|"
    r"repair|"
    r"operations?|treatments?|injections?|therapy|day|week|month|year|visits?|emg)"
)
#: Studies in which a finding may be hidden without being absent.
_ELSEWHERE = (
    r"(?:on|by|with|at|in|during) (?:the |an? |any |her |his )?(?:(?:initial|first|previous|prior|earlier|"
    r"outside|"
    r"static|chest|plain|lumbar|conventional|supine|standard|relaxed|later|subsequent) ){0,2}"
    r"(?:mri|mr|magnetic|ct|x-?rays?|xray|radiograph\w*|plain film|films?|rest|resting|relax\w*|static|"
    r"images? at rest|"
    r"relaxed|clinical|palpation)"
)

#: What was done for an earlier label ("two steroid shots for trochanteric bursitis").
_TREATED = (
    r"shots?|injections?|infiltrations?|antibiotics|heparin|anticoagulants?|physio(?:therapy)?|shock ?waves?|"
    r"(?:in|with|on) an? (?:\w+ )?(?:boot|cast|splint|brace|sling|collar)|insoles?|painkillers|nsaids?|"
    r"started on [\w-]{3,20}|apixaban|rivaroxaban|warfarin"
)
_LABEL = r"(?!(?:the|a|an)? ?(?:\d|one|two|three|four|five|six|several|some|many|years?|months?|weeks?|days?|pain))"

SEEMING: tuple[str, ...] = (
    f"no{_ADJECTIVES} (?:changes?|increase|decrease|improvement|progress|progression|growth|difference) "
    r"(?:in|of|to|from|since|at|for|between)",
    f"no{_ADJECTIVES} (?:change|increase|decrease|improvement|progress|progression|growth)",
    f"without{_ADJECTIVES} (?:change|increase|improvement|difficulty|delay|surgery|treatment|contrast|doubt|"
    f"an? operation|"
    r"knowing|asking|moving|pressure|comparing|dynamic|contraction)",
    "not only", "not necessarily", "not just", "not merely", "not simply", "if not",
    "no longer intact", "not intact", "no longer continuous", "not continuous",
    "no (?:other|additional|further|second|more)",
    "no (?:doubt|question)", "no (?:need|reason|indication) (?:for|to)", "no (?:longer )?surprise",
    "no (?:treatment|surgery|operation|referral|follow-up|repair|contrast|trauma|injury|pain|complaints?)",
    "not (?:be )?(?:entirely |fully |safely |definitely |definitively |completely |reliably )?(?:excluded|"
    "ruled out)",
    r"(?:can|could|do|does|did)\s{0,2}(?:not|n['’]t) (?:be )?(?:entirely |fully |safely |definitely |"
    r"definitively |"
    r"reliably |completely )?(?:excluded?|ruled? out)",
    "cannot (?:be )?(?:entirely |fully |safely |definitely |definitively |reliably |completely )?"
    "(?:excluded?|ruled? out)",
    "not (?:been )?(?:recogni[sz]ed|noticed|reported|referred|treated|suspected|diagnosed|mentioned|"
    "operated|repaired|"
    "described|picked up)",
    "not (?:fully |completely |entirely )?compressible",
    r"not (?:fully |completely |entirely )?compress(?=\s*(?:[.,;]|$))",
    r"(?:not|[a-z]+n['’]t|never|incompletely|partly|partially) (?:yet |still |fully |completely |entirely ){0,2}"
    "(?:heal|healed|healing|resolved?|improved?|settled?|recovered?|united|gone|disappeared)",
    "neither (?:be )?(?:confirmed|proved|proven|shown) nor (?:excluded|ruled out|refuted|disproved)",
    "neither (?:be )?(?:excluded|ruled out|refuted) nor (?:confirmed|proved|proven)",
    "(?:not (?:quite )?(?:sure|certain|clear)|unsure|unclear|uncertain) (?:whether|if)",
    r"(?:very |highly )?unlikely,? (?:but|though|although|yet|and) (?:can|could|is)?\s{0,2}not (?:be )?(?:entirely |"
    "fully |safely |completely )?(?:excluded|ruled out)",
    "(?:did|does|has|have|had|was|were|is|are) not (?:yet )?(?:heal(?:ed|ing)?|undergo|resolved?|improved?|"
    "changed?|"
    "settled?|grow|grown|return|respond(?:ed)?|move|glide|slide)",
    "not possible (?:with|on|by)",
    f"(?:{BE})?not (?:clearly |readily |easily )?{SEEN} {_ELSEWHERE}",
    f"(?:missed|overlooked|invisible|hidden|occult|inapparent) {_ELSEWHERE}",
    r"(?:without|no|lacks?|lacking) (?:an? |its |any |the )?(?:fatty |echogenic )?hil(?:um|us)",
    "no less than", "no more than", "no larger than", "no smaller than", "nothing but",
    "not uncommon(?:ly)?", "not infrequent(?:ly)?", "not unusual(?:ly)?",
    "far from normal",
)  # fmt: skip

#: "No further tear" says of the tear before it that it is the only one, and nothing else; an artefact is nothing.
UNSAID = "unsaid"

AHEAD: dict[str, tuple[str, ...]] = {
    UNSAID: (r"no (?:other|additional|further|second|more(?! than\b))",),
    "absent": (
        "(?:very )?(?:low|little|minimal) (?:clinical )?(?:index of )?(?:suspicion|probability|likelihood) (?:of|for)",
        "no", "without", "w/o", "negative for", "(?:the )?absence of", "(?:free|clear) (?:of|from)",
        "devoid of",
        "fail(?:s|ed|ing)? to (?:show|demonstrate|reveal|identify|find)",
        "(?:do|does|did) not (?:show|demonstrate|reveal|confirm|find|see|suggest|support|indicate|include|"
        "contain|"
        "involve|affect|reach|extend|cross|compress|develop|have)",
        "(?:could|can|was|were)(?:\\s{0,2}not| unable to| not able to) (?:identify|find|see|detect|"
        "demonstrate|visuali[sz]e|"
        "confirm)",
        "unable to (?:identify|find|see|detect|demonstrate)",
        "neither", "nor", "never", "denie[sd]", "denying",
        "exclud(?:es|ing)", r"(?:rules|ruled|ruling)(?= (?:an?|any|the) (?:\w+ ){1,3}out\b)",
        "(?:rules|ruling) out", "argu(?:es|ing) against", "speaks? against", "makes? [a-z]+ unlikely",
        r"(?:excluded|ruled out)(?= (?:an?|any|the|both|significant|deep|venous)\b)",
        r"not (?:an?\b|consistent with|suggestive of|compatible with|in keeping with|due to|caused by|"
        r"a case of|the result of)",
        "(?:hardly|barely|scarcely) any", "(?:virtually|practically|almost|next to) no", "little if any",
        "not full-width", "lack(?:s|ing)?(?: of)?",
        r"(?<!if\s)(?:rather than|instead of|as opposed to|and not|but not)",
        "(?:no|nothing|little) (?:evidence|sign|signs|suggestion|indication|features?) (?:of|to suggest|for|"
        "suggesting)",
        "nothing to suggest", "un(?:complicated|accompanied) by", "spar(?:es|ed|ing)",
    ),
    "possible": (
        "possible", "possibly", "perhaps", "maybe", "suspicious (?:for|of)",
        r"(?<!high\s)(?<!strong\s)suspicion (?:for|of)", "suspect(?:ed|s)?",
        "inconclusive (?:for|of|as to)", "concerning for", "concern for", "worrisome for",
        "rais(?:es|ing) (?:the )?(?:possibility|suspicion|question) of",
        "(?:may|might|could) (?:also |well )?(?:represent|be|reflect|indicate|correspond to|suggest|have)",
        "(?:can|could)\\s{0,2}not (?:be )?(?:entirely |fully |safely |definitely |reliably )?(?:exclude|"
        "rule out)",
        "not (?:able to )?exclude", "does not exclude", "cannot exclude", "unable to exclude",
        "equivocal(?: for)?", "questionable", "question(?:able)? of", "query", "doubtful", "indeterminate for",
        "(?:not (?:quite )?(?:sure|certain|clear)|unsure|unclear|uncertain) (?:whether|if)", "uncertain for",
        "differential (?:includes|is|between)", "versus", "vs",
        "borderline", "subtle suggestion of",
    ),
    "probable": (
        "probable", "probably",
        "(?:high|strong) (?:index of )?(?:suspicion|probability|likelihood) (?:of|for)",
        "(?:most |very |highly |more )?likely(?: to be| due to| represents?| reflects?)?",
        "consistent with", "compatible with", "in keeping with", "keeping with", "indicative of",
        "characteristic of",
        "typical (?:of|for)", "pathognomonic of",
        "suggest(?:s|ed|ing|ive)?(?: of)?", "favou?r(?:s|ed|ing)?", "presum(?:ed|ably|ptive)", "points? to",
        "represent(?:s|ing)? (?:most )?likely", "in favou?r of",
        "apparent(?:ly)?(?= (?:an?|the|small|partial|complete))",
        "evidence for", "fits(?: with)?", "fitting",
        "thought to (?:be|represent)", "felt to (?:be|represent)", "considered to be",
    ),
    "hypothetical": (
        "because of (?:an? |the )?(?:[\\w-]+ ){0,2}(?:lump|swelling|bump|bulge)",  # why the patient came
        "(?:to )?rule out", "r/o", "r o", "rule-out", "(?:in order )?to exclude",
        r"(?<!not\s)(?<!cannot\s)\bexclude",
        "(?:evaluate|evaluation|assess|assessment|look|looking|looked|screen|screening|check|search|"
        "searching|searched|examined?|"
        "scanned|referred|sent|request(?:ed)?|asked|investigat\\w+|work-?up)(?: (?:in|over|here|back|to us)){0,2} "
        "(?:for|about|whether)",
        "(?:in case|risk|risks|probability|incidence|prevalence|rate|prevention|treatment|management|"
        "classification|"
        "grading|detection|signs?|symptoms?|features?|fear|worry|worried about|chance|concept|definition|"
        "mechanism|mimics?|mimickers?) (?:of|for)(?= (?!the\\b|this\\b|that\\b|his\\b|her\\b|our\\b))",
        "return if", "if", "unless", "when(?:ever)? suspecting",
        "in (?:any )?(?:patients?|athletes?|someone|people) with",
        "mimic(?:s|ked|king)?", "imitat(?:es?|ed|ing)", "simulat(?:es?|ed|ing)", "resembl(?:es?|ed|ing)",
        "masquerad(?:es?|ed|ing) as", "(?:tells?|told|telling) (?:it|them|this) from",
        "would (?:be|suggest|indicate|show|mean|represent)", "should (?:raise|prompt|not be|be) ?", "whether",
        "(?:to |may |might |could |can )?(?:confirm or|prove or) (?:exclude|refute)", "confused with",
        "differentiat\\w+ (?:\\w+ )?from",
        "distinguish\\w* (?:\\w+ )?from", "prevent(?:s|ed|ing)?", "to (?:see|know|find out) (?:if|whether)",
        "(?:asks?|asked|asking|wondered|questioned|queried)(?: about)?",
        "(?:clinical )?question (?:was|is|of)(?: whether)?",
        "(?:feared|afraid|worried) (?:to (?:have|be)|of|about|that)",
    ),
    "refuted_prior": (
        r"(?:(?:apparent|seeming|supposed|alleged|presumed|suspected|putative|assumed)|"
        r"what (?:had |first |at first )?(?:looked|seemed|appeared|felt|was (?:thought|taken|believed))"
        r"(?: like| as| to be)?)"
        r"(?=[^.;:\n]{1,80} (?:turned out|proved|was (?:only|just|in fact|really|actually|merely)) )",
        "(?:mistaken|misread|mislabell?ed|misdiagnosed|misinterpreted|misjudged|dismissed) (?:for|as)",
        "(?:originally|initially|previously|first|at first|elsewhere|wrongly|erroneously|repeatedly|"
        "clinically|falsely) "
        "(?:diagnosed|reported|read|treated|labell?ed|interpreted|thought|considered|called|managed|"
        "suspected|presumed|"
        "assumed|described|graded|coded|regarded|judged|put down)(?: to be| as| with| for| to)?",
        "(?:diagnosed|reported|read|interpreted|described|called|graded) (?:elsewhere |originally |"
        "initially |at first |"
        "at another \\w+ |by (?:the |an? )?(?:\\w+ ){1,3})(?:as|with)?",
        r"(?:treated|managed|rehabilitated|followed|handled|worked up|investigated) (?:(?:it|this|her|him|them) )?"
        r"(?:elsewhere )?(?:(?:for|over) (?:[\w-]{1,20} ){1,4}|[a-z]+ly |at first )?"
        r"(?:as|under the (?:label|diagnosis) of)",
        r"(?:treated|managed) for (?:an? )?(?:presumed|supposed|suspected|assumed|alleged)",
        "labell?ed(?: as)?", "blamed on",
        "(?:sent in|referred|came|presented) (?:as|with the (?:label|diagnosis) of)",
        "told (?:her |him |them )?(?:that )?(?:(?:it|this|he|she|they) (?:was|is|had|have))?",
        "believed to (?:be|have)", "taken to be",
        "attributed to", "put down to", "written off as", "passed off as",
        "thought to (?:be|have) (?:only |just |merely )",
        "(?:sent|signed|referred) (?:(?:home|away|off|over|up|down|in|on|"
        r"from (?:the )?[\w&]+(?: \w+){0,2}) )?(?:with|as)",
        f"(?:{_TREATED})(?: (?:was|were|had been|has been|already|given|done|started|tried|twice|again)){{0,3}} for"
        f"(?= {_LABEL})",
        r"(?:taped|strapped|braced|rested|frozen|drained|injected|splinted|operated)(?: \w+)? as",
        r"(?:letter|note|request|form|card) (?:says?|said|reads?|states?|stated)",
        r"(?:gp|referral|clinic|doctor(?:'s)?) (?:letter|note)\s{0,2}:",
        r"(?:mri|mr|ct|x-?rays?|scan|report|ultrasound) elsewhere\s{0,2}:",
        r"(?:had|has|have|was|were|been) (?:\w+ )?treat(?:ed|ing) (?:an?|the|his|her)(?= \w)",
        r"(?:injected|splinted|casted|anticoagulated|massaged|needled)(?: \w+){0,3} for(?= (?:an? |the )?"
        r"(?!(?:\d|one|two|three|four|five|six|several|some|many|years?|months?|weeks?|days?)\b))",
        "discharged (?:with|as)",
        r"(?:doctor|department|room|physician|clinic|provider|club|gp|practice|hospital|"
        r"practitioner) (?:had )?(?:first )?"
        r"(?:diagnosed|called it|suspected|thought of|assumed|labell?ed it|spoke of|wrote(?: down)?|noted|recorded|"
        r"documented)(?: as)?",
        r"(?:mri|mr|ct|x-?rays?|xray|radiographs?|film|scan)(?: (?:was|had been|first|elsewhere)){0,2} read as",
        r"(?:been|was|were) (?:given|prescribed) (?:\w+ ){1,3}for", "took it for", "passed for", "taken for",
        "(?:under|with) the (?:\\w+ )?(?:label|diagnosis) of",
        "reported elsewhere as", "(?:had|has) been (?:called|labelled|told|diagnosed with|diagnosed as)",
        "told (?:it was|he had|she had|they had)",
        r"(?:outside report|outside mri|referral diagnosis|referring diagnosis|previous provider|(?:initial|"
        r"original|first|"
        r"working|previous|earlier|wrong|provisional|presumptive|admission|"
        r"referring) (?:clinical )?(?:diagnosis|impression|label)(?: (?:was|of|had been))?)"
        r"\s{0,2}:?",
    ),
    "historical": (
        r"(?<!day\s)(?<!days\s)(?<!days['’]\s)(?<!week\s)(?<!weeks\s)(?<!weeks['’]\s)(?<!month\s)(?<!months\s)(?<!months['’]\s)"
        r"(?<!year\s)(?<!years\s)(?<!years['’]\s)(?:past )?(?:medical )?history of"
        r"(?! (?:\w+ ){0,2}(?:pain|increasing|progressive|painful|weakness|numbness|tingling)\b)",
        "h/o", "hx of", "known history of", "s/p", "status post", "status after",
        rf"(?:previous|prior|former|past|earlier|remote)(?: (?:left|right))?(?! (?:{_STUDY})\b)",
        "resolv(?:ed|ing)", "resolution of", "healed", "old healed", "sequelae of",
        "had (?:had|suffered|sustained)",
        "after (?:repair|reconstruction|surgery) (?:of|for)",
    ),
    "not_assessed": (
        "(?:not|in)(?:sufficient|adequate)? (?:assessed|evaluated|examined) for", "unable to assess(?: for)?",
        "(?:could|can)\\s{0,2}not (?:assess|evaluate|comment on|be assessed for)", "not assess(?:ed)? for",
    ),
    "other_person": (
        "(?:his|her|their|the patient's|the patient’s|my|whose) (?:twin |older |younger |elder )?(?:mother|"
        "father|brother|sister|son|"
        "daughter|twin|teammate|team-mate|colleague|cousin|uncle|aunt|grandfather|grandmother|parents?|"
        "siblings?|"
        "husband|wife|partner|friend)",
        r"family history(?: of|\s{0,2}:)?",
        "(?:mother|father|brother|sister|son|daughter|teammate) (?:had|has|with|suffered)",
        "another (?:patient|player|athlete|case)", "(?:runs|ran) in the family",
    ),
}  # fmt: skip

#: What these say of a finding takes back what else was said of it: a suspicion is confirmed, an old tear persists.
CONFIRMED, LASTING = "confirmed", "lasting"
TAKES_BACK = {
    CONFIRMED: frozenset(("possible", "probable", "hypothetical", "refuted_prior")),
    LASTING: frozenset(("refuted_prior", "historical")),
}

BEHIND: dict[str, tuple[str, ...]] = {
    CONFIRMED: (
        r"(?:is|was|were|has been|have been|had been|and|then|later) (?:thus |again |now |also |both )?"
        r"(?:confirmed|verified|proven|proved (?:right|correct|true))",
    ),
    LASTING: (
        "persist(?:s|ed|ing)?", "(?:(?:is|are|remains?) )?(?:still|again) (?:present|visible|seen|there)",
        "(?:is|are|remains?|appears?|looks?) (?:largely |essentially )?(?:unchanged|stable|present|visible)",
    ),
    UNSAID: (
        r"(?:is|was|are|were|(?:turned out|proved|found|shown|known)(?: to be)?|due to|caused by|only|just) "
        r"(?:(?:only|just|merely|really|actually|in fact|an?|the) ){0,3}(?:\w+ )?(?:artefact|artifact|anisotropy)s?",
    ),
    "absent": (
        r"\(\s?[-–−]\s?\)", r"no(?=\s*(?:$|[.,;)]))", "(?:in|of|at|on|involving|affecting) neither",
        f"{BE}(?:not|never) (?:be |been )?(?:clearly |definitely |convincingly )?{SEEN}",
        f"(?:could|can)\\s{0,2}not be (?:clearly )?{SEEN}", "cannot be (?:found|seen|identified|demonstrated)",
        f"{BE}neither \\w+ nor (?:{SEEN}|palpable|present)", r"\(\s?(?:none|nil|absent|negative|no)\s?\)",
        f"{BE}not present", f"{BE}absent", f"{BE}(?:reliably |confidently |safely |therefore )?excluded",
        f"{BE}ruled out",
        f"{BE}negative", "neg", f"{BE}(?:very |highly |thus |therefore |considered )?unlikely", "nil",
        f"{BE}(?:fully |completely )?intact(?=\\s*(?:$|[.,;:!?)]|and\\b|but\\b|on\\b|in\\b|at\\b|"
        f"throughout\\b))",
        r",? which (?:it|this|that|she|he) (?:is|was|proved|has|had) not",
        "which (?:is|was) not (?:the case|true|so|confirmed)",
        f"{BE}refuted", f"{BE}disproved", "is out of the question",
    ),
    "possible": (
        "(?:can |could )?neither (?:be )?(?:confirmed|proved|proven|shown) nor "
        "(?:excluded|ruled out|refuted|disproved)",
        "(?:can |could )?neither (?:be )?(?:excluded|ruled out|refuted) nor (?:confirmed|proved|proven)",
        "not (?:be )?(?:entirely |fully |safely |definitely |definitively |reliably |"
        "completely )?(?:excluded|ruled out)",
        "(?:can|could)\\s{0,2}not (?:be )?(?:entirely |fully |safely |definitely |definitively |reliably |"
        "completely )?"
        "(?:excluded|ruled out)",
        f"{BE}(?:possible|suspected|questionable|equivocal|inconclusive|uncertain|doubtful|indeterminate|conceivable|"
        f"considered|a possibility)",
        "(?:is|was|remains) in question",
    ),
    "probable": (
        f"{BE}(?:(?:most |very |highly |more )?likely|probable|favou?red|presumed)"
        "(?=\\s*(?:$|[.,;:!?)]|and\\b))",
    ),
    "hypothetical": (
        f"{BE}(?:queried|to be (?:excluded|ruled out|confirmed))",
        "should be (?:excluded|ruled out|suspected|considered|sought|looked for)",
        "must be (?:excluded|ruled out|considered|sought)", "needs? to be (?:excluded|ruled out|considered)",
    ),
    "refuted_prior": (
        f"{BE}(?:initially|originally|at first|first|wrongly|erroneously|previously) (?:suspected|diagnosed|"
        f"reported|assumed|"
        "thought|considered|presumed|treated)",
        f"{BE}the (?:initial|original|first|working|referring|referral|wrong|outside) (?:diagnosis|"
        f"impression|label)",
        r"(?:was|had been) (?:the )?misdiagnos(?:is|ed)", "was wrong",
        "had been made",
        r"(?:was|were|had been) (?:suspected|diagnosed|assumed|presumed|queried) by (?:the|a|his|her|their) "
        r"(?:\w+ )?(?:doctor|gp|physician|physio|physiotherapist|club|team|surgeon|clinic|hospital|emergency)",
        "(?:had|has) been (?:assumed|suspected|diagnosed|presumed|reported|labell?ed)",
    ),
    "historical": (
        f"{BE}(?:now |since |completely |fully |largely )?(?:healed|resolved)(?: completely)?",
        "(?:has|have|had) (?:now |since |completely |fully )?(?:healed|resolved)",
        f"{BE}(?:gone|disappeared)(?=\\s*(?:$|[.,;]))",
        "no longer (?:seen|visible|present|identified|evident|detectable|visuali[sz]ed|demonstrated)",
        r"(?:in|since|back in) (?:january |february |march |april |may |june |july |august |september |"
        r"october |november |december )?(?:19|20)\d\d",
        r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|many|several|some|a few) (?:years?|"
        r"decades?) (?:ago|earlier|before|previously)",
        "as a (?:child|teenager|student|junior|boy|girl|young man|young woman)", "in (?:childhood|the past)",
    ),
    "not_assessed": (
        f"{BE}not (?:formally |specifically |fully |separately )?(?:assessed|examined|evaluated|scanned|"
        f"included|imaged|tested|"
        "assessable|evaluable|covered|accessible|performed)",
        "(?:could|can)\\s{0,2}not (?:be )?(?:adequately |reliably |fully )?(?:assessed|examined|evaluated|"
        "scanned|imaged|judged)",
        f"{BE}(?:incompletely|inadequately|poorly|insufficiently|only partly|partially) (?:seen|"
        f"visuali[sz]ed|assessed|evaluated|imaged)",
        f"{BE}(?:obscured|hidden|masked)(?: by)?", f"{BE}(?:beyond|outside) (?:the )?(?:field|reach|scope)",
        f"{BE}non-?diagnostic", "limited by",
    ),
}  # fmt: skip

#: A scope that runs ahead ends here.
ENDS = (
    "but", "however", "although", "though", "except", "apart from", "aside from", "whereas", "while", "yet",
    "which",
    "who", "despite", "in spite of", "with", "secondary to", "due to", "because(?: of)?", "as a cause of",
    "and is",
    "of (?:the|this|that|its) (?:torn|ruptured)", "(?:within|inside|around|in|into) (?:the|this|that|its)",
    "still",
    "and (?:there|shows?|showed|an?|the|has|had|was|were|also|now|then|with|its|his|her)", "then",
    "nevertheless",
    "only", "instead", "but now", "turned out", "proved to be", "turns? out", "now",
    "that (?:was|were|proved|turned)",
    "on the contrary", "until",
)  # fmt: skip

#: Begins a statement of its own after a comma.
NEW_STATEMENT = (
    "an?", "the", "there", "this", "these", "it", "its", "both", "small", "large", "minor", "marked", "mild",
    "moderate", "severe", "some", "left", "right", "tiny", "persistent", "residual", "normal", "confirmed",
    "complete",
    "partial", "full-thickness", "old", "chronic", "acute", "we", "he", "she", "they", "ultrasound", "mri",
    "us",
    "extensive", "diffuse", "focal", "bursal-sided", "articular-sided", "interstitial", "low-grade",
    "possible", "probable", "likely", "no", "most", "thickened", "increased",
)  # fmt: skip

#: General truths: what is only taught is not a finding of this case.
TAUGHT = (
    "(?:is|are) (?:very |quite |more |most |also |not )?"
    "(?:common|frequent|rare|typical|uncommon|unusual|infrequent)"
    "(?=\\s+(?:in|among|with|after|but|and)\\b|\\s*[,.;!]|\\s*\\Z)",
    "occurs? (?:mostly |mainly |chiefly )?(?:in|among)",
    "often", "usually", "typically", "commonly", "always", "frequently", "sometimes", "occasionally", "rarely",
    "generally", "tends? to", "as a rule", "most (?:cases|patients|tears|people|athletes)", "should",
    "ought to",
    f"can (?!not\\b|now\\b|neither\\b|be {SEEN}|represent|reflect|correspond|well represent|also represent)\\w+",
    "(?:may|might) (?!not\\b|now\\b|be (?!missed|overlooked|mistaken|confused|misread|hidden|needed)|represent|"
    "reflect|correspond|well represent|also represent)\\w+",
    "look for", "think of", "consider", "remember", "beware", "is defined",
    "are defined", "refers? to", "in general", "in adults", "in children", "when in doubt", "ask for",
    "compare",
)  # fmt: skip

#: Headings whose text asks, proposes or advises, and those that tell of other times or people.
HEADINGS: dict[str, str] = {
    "clinical question": "hypothetical", "question": "hypothetical", "indication": "hypothetical",
    "indications": "hypothetical", "reason for exam": "hypothetical", "reason for examination": "hypothetical",
    "reason for study": "hypothetical", "reason for scan": "hypothetical",
    "reason for referral": "hypothetical",
    "request": "hypothetical", "query": "hypothetical", "clinical query": "hypothetical",
    "referral": "hypothetical",
    "referral question": "hypothetical", "clinical indication": "hypothetical", "differential": "hypothetical",
    "differential diagnosis": "hypothetical", "differential diagnoses": "hypothetical", "ddx": "hypothetical",
    "dd": "hypothetical", "recommendation": "hypothetical", "recommendations": "hypothetical",
    "plan": "hypothetical",
    "advice": "hypothetical", "risk factors": "hypothetical", "teaching point": "hypothetical",
    "teaching points": "hypothetical", "pitfall": "hypothetical", "pitfalls": "hypothetical", "note": "",
    "family history": "other_person", "fh": "other_person", "past medical history": "historical",
    "past history": "historical", "pmh": "historical", "previous history": "historical",
    **dict.fromkeys(
        (
            "gp letter", "letter", "referral letter", "referral note", "gp", "casualty", "emergency department", "a&e",
            "ed", "outside mri", "outside ct", "outside scan", "outside ultrasound", "mri elsewhere", "ct elsewhere",
            "ultrasound elsewhere", "scan elsewhere", "label", "first diagnosis", "working diagnosis",
        ),
        "refuted_prior",
    ),
    "referral diagnosis": "refuted_prior", "referring diagnosis": "refuted_prior",
    "initial diagnosis": "refuted_prior",
    "outside report": "refuted_prior", "original diagnosis": "refuted_prior",
    "outside diagnosis": "refuted_prior",
    "not assessed": "not_assessed", "not examined": "not_assessed", "not included": "not_assessed",
    "findings": "", "finding": "", "impression": "", "conclusion": "", "conclusions": "", "summary": "",
    "report": "",
    "comparison": "", "result": "", "results": "", "diagnosis": "", "opinion": "", "assessment": "",
    "technique": "",
    "history": "", "clinical history": "", "discussion": "", "outcome": "", "treatment": "", "follow-up": "",
    "caption": "", "interpretation": "", "dynamic": "", "dynamic examination": "",
    "excluded": "absent", "negative findings": "absent", "absent": "absent", "pertinent negatives": "absent",
}  # fmt: skip

#: What stands after the colon of "Tear: none" and "Haematoma: yes".
NONE_VALUES = (
    r"none(?: (?:seen|identified|found|present|visible|detected))?", "nil", "no", "neg", "negative", "absent",
    "not seen", "not present", "not identified", "excluded", "ruled out", "nothing", "0", "[-–−]",
)  # fmt: skip
