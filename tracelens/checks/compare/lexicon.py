"""Words whose kind matters when two texts are compared, as rows of data.

English first; of German, French and Chinese what is common enough to meet in a voice assistant.
A word with two readings (`may`, German `elf`) stands where both sides are at hand to decide.
"""

from __future__ import annotations

FILLERS = frozenset("uh um uhm er erm hmm hm mm mhm mmm ah eh euh ähm äh hum".split())
#: Words that speakers and recognisers put in or leave out without changing what is asked. They are
#: no fillers in a copy: `yeah` may be the whole answer.
HESITATIONS = frozenset("well like actually basically literally yeah oh hey ok so now".split())

NEGATIONS = frozenset(
    "not no never none nobody nothing nowhere neither nor without non"
    " nicht kein keine keinen keinem keiner keines nie niemals nichts niemand ohne nein"
    " pas jamais rien sans aucun aucune 不 没 沒 无 無 别 別 未".split()
)
#: `ne` is half of a French negation: speech leaves it out (`je sais pas`), the meaning stays.
FUNCTION_WORDS = frozenset(
    "a an the this that these those to of in on at by for with from and or but so if then than as"
    " is are was were be been being am do does did have has had will would can could shall should"
    " may might must i you he she it we they me him her us them my your his its our their there"
    " here please just also too very s o'clock ne n"
    # Discourse markers: text cleaners take them out, and they ask for nothing (Schiffrin 1987).
    " well oh hey actually basically"
    # Courtesies and greetings, which come and go the same way.
    " thanks thank thx bye goodbye kindly hi hello ok"
    " der das den dem des ein eine einen einem einer eines und zu im am ist uhr bitte"
    " le la les un une de du et l d au aux est".split()
)

#: How a device is spoken to: what wakes it up is no part of what it is asked.
ADDRESSES = frozenset(
    "hey hi hello ok yo alexa siri google cortana bixby assistant computer jarvis".split()
)

#: Other spellings of a word. Both sides are rewritten, so that none is better than the other.
SPELLINGS = {
    "okay": "ok",
    "mr": "mister",
    "mrs": "missus",
    "vs": "versus",
    "approx": "approximately",
    "appt": "appointment",
    "dept": "department",
    "ave": "avenue",
    "blvd": "boulevard",
    "tel": "telephone",
    "info": "information",
    "tues": "tuesday",
    "thurs": "thursday",
    "cannot": "can not",
    "alright": "all right",
    "w/o": "without",
    "w/": "with",
    "b/c": "because",
    "@": "at",
    "eg": "for example",
    "ie": "that is",
    "pls": "please",
    "&": "and",
    "c'mon": "come on",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    "lemme": "let me",
    "gimme": "give me",
    "ain't": "is not",
    "aint": "is not",
    "cant": "can not",
    "wont": "will not",
    "can't": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "let's": "let us",
    "y'all": "you all",
    "p.m": "pm",
    "a.m": "am",
    **{
        f"{verb}nt": f"{verb} not"
        for verb in "do does did is are was were have has had would should could must need".split()
    },
}

#: Units by every way to write them. The first of a row stands for all of them.
UNIT_ROWS = (
    "dollar dollars usd",
    "euro euros eur",
    "pound pounds gbp quid",
    "cent cents",
    "penny pence pennies",
    "yen jpy",
    "franc francs chf franken",
    "rupee rupees inr",
    "percent percents pct prozent pourcent",
    "kilometer kilometers kilometre kilometres km kms kilomètre kilomètres",
    "meter meters metre metres mètre mètres",
    "centimeter centimeters centimetre centimetres cm",
    "millimeter millimeters millimetre millimetres mm",
    "mile miles mi",
    "foot feet ft",
    "inch inches",
    "yard yards yd",
    "kilogram kilograms kg kgs kilo kilos",
    "gram grams gramm",
    "milligram milligrams mg",
    "ounce ounces oz",
    "lb lbs",
    "ton tons tonne tonnes",
    "liter liters litre litres",
    "milliliter milliliters millilitre millilitres ml",
    "gallon gallons",
    "kwh kilowatthour kilowatthours",
    "watt watts",
    "kilowatt kilowatts kw",
    "volt volts",
    "mph",
    "kph kmh",
    "celsius centigrade",
    "fahrenheit",
    "degree degrees grad degré degrés",
    "hour hours hr hrs stunde stunden heure heures",
    "minute minutes min mins minuten",
    "seconds sec secs sekunde sekunden seconde secondes",
    "day days tag tage tagen jour jours",
    "week weeks wk wks woche wochen semaine semaines",
    "month months monat monate monaten mois",
    "year years yr yrs jahr jahre jahren",
    "gb gigabyte gigabytes",
    "mb megabyte megabytes",
    "kb kilobyte kilobytes",
    "tb terabyte terabytes",
    "dozen dozens",
    "cup cups",
    "tablespoon tablespoons tbsp",
    "teaspoon teaspoons tsp",
)
UNITS = frozenset(row.split()[0] for row in UNIT_ROWS)
SPELLINGS |= {word: row.split()[0] for row in UNIT_ROWS for word in row.split()[1:]}
#: Units that go without saying: 20 and 20 degrees are the same temperature.
IMPLIED_UNITS = frozenset(("degree",))
SYMBOLS = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "%": "percent"}
HUNDREDTHS = {"dollar": ("cent",), "euro": ("cent",), "pound": ("penny",)}

MONTHS = tuple(
    "january february march april may june july august september october november december".split()
)
#: Short and foreign names of months; read as months only beside a day or a year.
MONTH_NAMES = {name: name for name in MONTHS} | {
    "jan": "january",
    "feb": "february",
    "mar": "march",
    "apr": "april",
    "jun": "june",
    "jul": "july",
    "aug": "august",
    "sep": "september",
    "sept": "september",
    "oct": "october",
    "nov": "november",
    "dec": "december",
    "januar": "january",
    "februar": "february",
    "märz": "march",
    "mai": "may",
    "juni": "june",
    "juli": "july",
    "oktober": "october",
    "dezember": "december",
    "janvier": "january",
    "février": "february",
    "mars": "march",
    "avril": "april",
    "juin": "june",
    "juillet": "july",
    "août": "august",
    "septembre": "september",
    "octobre": "october",
    "novembre": "november",
    "décembre": "december",
}
#: Names of months that are words of their own: `3 may` is a date only with more to go by.
DOUBTFUL_MONTHS = frozenset("may march mar mars sept dec".split())
DATES = frozenset(MONTHS) - {"may", "march"} | frozenset(
    "monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday tonight"
    " weekend montag dienstag mittwoch donnerstag freitag samstag sonntag heute gestern"
    " lundi mardi mercredi jeudi vendredi samedi dimanche demain hier 今天 明天 昨天".split()
)
MERIDIEM = frozenset(("am", "pm"))

#: Opposites: each word of a row's left side against each of its right side, in any inflection.
OPPOSITE_ROWS = (
    ("before", "after"),
    ("on", "off"),
    ("up", "down"),
    ("in", "out"),
    ("to", "from"),
    ("and", "or"),
    ("over above", "under below"),
    ("left", "right"),
    ("left links", "rechts"),
    ("gauche", "droite"),
    ("open", "close shut"),
    ("start begin", "stop end"),
    ("increase raise", "decrease reduce lower"),
    ("rise", "fall drop"),
    ("enable activate", "disable deactivate"),
    ("accept approve allow confirm", "reject decline deny refuse block forbid cancel"),
    ("include", "exclude"),
    ("add", "remove delete subtract"),
    ("buy", "sell"),
    ("credit", "debit"),
    ("deposit", "withdraw"),
    ("send", "receive"),
    ("import", "export"),
    ("upload", "download"),
    ("push", "pull"),
    ("show", "hide"),
    ("win", "lose"),
    ("pass succeed", "fail"),
    ("success", "failure"),
    ("gain profit", "loss"),
    ("connect", "disconnect"),
    ("arrive arrival", "depart departure leave"),
    ("yes oui ja ok", "no non nein"),
    ("true", "false"),
    ("positive", "negative"),
    ("plus", "minus"),
    ("more", "less fewer"),
    ("most", "least"),
    ("mehr", "weniger"),
    ("plus", "moins"),
    ("all every always", "some none never"),
    ("maximum", "minimum"),
    ("high", "low"),
    ("higher", "lower"),
    ("hot warm", "cold cool"),
    ("hotter warmer", "colder cooler"),
    ("louder", "quieter softer"),
    ("bright brighter", "dim dimmer dark darker"),
    ("fast faster", "slow slower"),
    ("long longer", "short shorter"),
    ("big bigger large larger", "small smaller"),
    ("full", "empty"),
    ("safe", "dangerous unsafe"),
    ("cheap cheaper", "expensive"),
    ("good better", "bad worse"),
    ("best", "worst"),
    ("early earlier", "late later"),
    ("first", "last"),
    ("next", "previous last"),
    ("new", "old"),
    ("same", "different"),
    ("north", "south"),
    ("east", "west"),
    ("morning", "evening night afternoon"),
    ("day", "night"),
    ("inside", "outside"),
    ("front", "back"),
    ("top", "bottom"),
    ("vor", "nach"),
    ("avant", "après"),
    ("an ein", "aus"),
    ("auf", "zu"),
    ("oben", "unten"),
    ("ouvrir", "fermer"),
    ("开", "关"),
    ("大", "小"),
    ("上", "下"),
)
#: What turns a word into its opposite when put before it.
PREFIXES = ("un", "dis", "non", "in", "im", "ir", "il", "de")

#: Abbreviations that stand for more than one word, or that are words themselves.
ABBREVIATIONS = {
    "st": ("street", "saint"),
    "dr": ("doctor", "drive"),
    "no": ("number",),
    "rd": ("road",),
    "apt": ("apartment",),
    "ext": ("extension",),
    "temp": ("temperature",),
    "max": ("maximum",),
    "min": ("minimum",),
    "minute": ("minimum",),
    "sun": ("sunday",),
    "sat": ("saturday",),
    "mon": ("monday",),
    "tue": ("tuesday",),
    "wed": ("wednesday",),
    "thu": ("thursday",),
    "fri": ("friday",),
    "app": ("application",),
    "tv": ("television",),
    "c": ("celsius",),
    "f": ("fahrenheit",),
    "g": ("gram",),
    "m": ("meter",),
    "h": ("hour",),
    "l": ("liter",),
    "in": ("inch",),
    "kph": ("kilometer",),
    "ref": ("reference",),
    "qty": ("quantity",),
    "s": ("is", "has"),
    "x": ("by", "times"),
    "yeah": ("yes",),
    "yep": ("yes",),
    "yup": ("yes",),
    "nope": ("no",),
    "nah": ("no",),
    **{short: (name,) for short, name in MONTH_NAMES.items() if short != name},
}
#: Words that are a number only where the other side has the number.
NUMBER_READINGS = {
    **dict.fromkeys("a an ein eine einen einem einer eines un une".split(), "1"),
    "elf": "11",
    "seize": "16",
    "sept": "7",
    "null": "0",
    "oh": "0",
    "cent": "100",
    "second": "2",
    "once": "1",
    "twice": "2",
    "half": "0.5",
    "quarter": "0.25",
    "noon": "12",
    "midnight": "12",
    **{month: str(number) for number, month in enumerate(MONTHS, 1)},
    **{char: str(value) for value, char in enumerate("零一二三四五六七八九十")},
}
CJK_NUMERALS = frozenset("零〇一二三四五六七八九十百千万萬两兩")


def _inflected(word: str) -> str:
    """The word without the common English endings: what its inflections share."""
    for ending in ("ing", "ed", "es", "s", "e", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _opposites() -> frozenset[frozenset[str]]:
    return frozenset(
        frozenset((_inflected(one), _inflected(other)))
        for left, right in OPPOSITE_ROWS
        for one in left.split()
        for other in right.split()
    )


OPPOSITES = _opposites()
_WITH_OPPOSITE = frozenset(word for pair in OPPOSITES for word in pair)


def are_opposite(one: str, other: str) -> bool:
    """Whether two words are opposites by a row or by a prefix: `on` and `off`, `lock`, `unlock`."""
    short, long = sorted((one, other), key=len)
    if len(short) >= 3 and long.endswith(short) and long[: -len(short)] in PREFIXES:
        return True
    base = _inflected(one)
    if base not in _WITH_OPPOSITE and one not in _WITH_OPPOSITE:
        return False
    pairs = (frozenset((one, other)), frozenset((base, _inflected(other))))
    return not OPPOSITES.isdisjoint(pairs)
