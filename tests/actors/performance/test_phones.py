import pytest

from emotag.actors.performance.phones import PAUSE, SYMBOLS, articulations, known
from emotag.actors.performance.visemes import CONTROLS, viseme
from emotag.actors.voice.espeak import Manner, synthesize
from emotag.actors.voice.phones import find_phones

LANGUAGES = {
    "en-us": "Thirty-three shy chefs enjoy measuring yellow whisky jars, said the judge.",
    "de": "Zwölf schöne Bücher über Köche, Pferde und Ängste.",
    "fr-fr": "Un bon vin blanc, une feuille et huit oignons.",
    "ru": "Привет, как у тебя дела сегодня утром, щука?",
    "cmn": "你好，今天天气很好，我们去学校。",
    "ja": "こんにちは、今日はいい天気です。",
    "ar": "مرحبا كيف حالك اليوم",
    "hi": "नमस्ते आज मौसम बहुत अच्छा है",
    "el": "Καλημέρα σας, τι κάνετε;",
    "pl": "Chrząszcz brzmi w trzcinie w Szczebrzeszynie.",
    "lb": "Zwielef Kaze sinn op der Plaz.",
    "da": "Rødgrød med fløde på ærter.",
    "tn": "Dumelang, lo tsogile jang?",
}


def value(ipa: str, control: str, stress: int = 2) -> float:
    return float(viseme(articulations(ipa)[0], stress).target[CONTROLS.index(control)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phone_of_a_language_is_known(language):
    phones = find_phones(synthesize(LANGUAGES[language], language, "m1", Manner()))
    assert len(phones) > 10
    assert [phone.ipa for phone in phones if not known(phone.ipa)] == []


def test_every_symbol_has_a_viseme_within_bounds():
    for symbol, sound in SYMBOLS.items():
        for stress in (0, 1, 2):
            found = viseme(sound, stress)
            assert (found.target >= 0).all() and (found.target <= 1).all(), symbol
            assert (found.dominance > 0).all() and (found.dominance <= 1).all(), symbol
            assert found.target[CONTROLS.index("jaw")] < 0.25, symbol


def test_phonetics():
    assert value("a", "jaw") > value("ɛ", "jaw") > value("e", "jaw") > value("i", "jaw")
    assert value("u", "mouthPucker") > value("o", "mouthPucker") > value("ɔ", "mouthPucker") > value("ɑ", "mouthPucker")
    assert value("y", "mouthPucker") > 0.5 and value("i", "mouthPucker") == 0
    assert value("i", "mouthStretch") > value("ɛ", "mouthStretch") > value("ɯ", "mouthStretch") == 0
    assert value("ʃ", "mouthFunnel") > 0.2 > value("s", "mouthFunnel")
    assert value("s", "jaw") < value("t", "jaw") < value("k", "jaw")
    assert value("a", "jaw", 2) > value("a", "jaw", 0)


@pytest.mark.parametrize("ipa", ["p", "b", "m", "pʰ", "bʲ", "mʷ", "ɓ", "m̩", "p͡f", "k͡p", "ʘ"])
def test_bilabials_seal(ipa):
    assert max(viseme(part).seal for part in articulations(ipa)) == 1


def test_labiodentals_bite_and_nothing_else_does():
    assert [viseme(articulations(ipa)[0]).bite for ipa in "fvʋs"] == [1, 1, 0.7, 0]


def test_parts_and_marks():
    assert [len(articulations(ipa)) for ipa in ("aɪ", "tʃ", "ʧ", "aɪə", "ɔː", "ã", "ç")] == [2, 2, 2, 3, 1, 1, 1]
    assert articulations("tʷ")[0].rounding > articulations("t")[0].rounding
    assert articulations("e\u031e")[0].openness > articulations("e")[0].openness
    assert articulations("") == (PAUSE,)
    assert articulations("ʲ") == articulations("j")
    assert articulations("ː") == () and articulations("˥") == ()


def test_unknown_letters_fall_back():
    assert articulations("ŕ") == articulations("r") and articulations("ƀ") == articulations("b")
    assert not known("ᄒ")
    assert viseme(articulations("ᄒ")[0]).target[CONTROLS.index("jaw")] > 0
