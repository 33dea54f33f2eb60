#!/usr/bin/env python3
"""Writes src/core/detect/data/name_table.bin: fingerprints of names, places and groups.

usage: make_name_table.py NAMES_DIR NER_DIR OUTPUT

training/names/first_names.txt, surnames.txt: names of about 50 languages, of the Faker project.

Other sources (not part of this repository; see NOTICE for the licences):
  NAMES_DIR/us_census_male_first.txt, us_census_female_first.txt, us_census_last.txt
      US Census Bureau name frequencies of 1990, as in github.com/treyhunner/names
  NAMES_DIR/first_many_countries.txt, surnames_many_countries.txt
      github.com/smashew/NameDatabases
  NAMES_DIR/world_cities.csv
      github.com/datasets/world-cities, from GeoNames
  NER_DIR/*.conll
      Broad Twitter Corpus, WNUT 2017, wikigold: only to see which names are also common words

The table holds one 32-bit word per name: 20 bits of a hash and 12 flags. It is an open hash table,
so that the program uses it as it is (detect/name_table.cc). The names cannot be read back from it.
"""
import array
import csv
import pathlib
import re
import sys
import unicodedata

FIRST, SURNAME, PLACE, COMMON, STRONG_FIRST, PLACE_SURE = 1, 2, 4, 8, 16, 32
RARE_SURNAME, GROUP, ORGANISATION, STRONG_SURNAME, PRODUCT, HONORIFIC = 64, 128, 256, 512, 1024, 2048
SLOTS = 1 << 18
LISTS = pathlib.Path(__file__).resolve().parent.parent / "training" / "names"
MASK64 = (1 << 64) - 1

# Words that open sentences, titles and product names, and that name lists hold too.
WORDS = """
a about above access account action active after again agent ago all also always am an and any anyone
api app april are art as ask assistant at august autumn available baby back bank bar be because been
before begin best better big bill bird bit black blue book both box bread bring brown business but buy
by call can card care case cash chance change charity chase check choice city class clear client close
cloud code cold come coming company content cook cool copy core corner country course court cover
create cross currently daily dark data date day days dear december default delete do does done door
down dream drive early earth east easy edge email end english enter error eve even evening event ever
every example faith fall false far fast february field file fill find fine fire first fish five flower
forest for forever four fox free friday friend from full function game gay general get give go god
gold good grace great green group grow guy hand happy hard have hazel he head health heart heather
heaven hello help her here hey hi high hill his hit holiday holly home honey hope hour house how
however i if image in index input instead into is island it its january job join joy joyful july june
just keep key kind king kit know lake land large last late law let letter level liberty light like
line link list little live long look lord love low luck main major make man many march mark market
may maybe me meal melody mercy message method mind mine mission mode model modern monday money month
moon more morning most mother mountain much music my name native near need never new news next nice
night nine no none north not note november now number object october of off ok old olive on once one
only open option or orange order other our out output over own page park part party pass past path
patience peace pearl people phone place plan plant play please point police pond pool poor post power
precious present price prince princess private problem product project promise prompt public pure
queen question quick rain rate read reading real red remember request response rest result return rich
right river road robin rock role room rose round royal ruby run safe sage said sale same saturday save
say school science sea search second see select send september serenity server service set seven
shade sharp she shop short should show side simple since sing single six size sky small snow so some
something song soon sorry source south space spring star start state still stone stop storm story
street string strong subject such summer sun sunday sunny sure system table take talk task team tell
temple ten test text thanks thank that the their them then there these they thing think this those
three thursday time tip title to today token tomorrow tonight too tool top total town tree true try
tuesday turn two type under understand united until up update url us use user value version very view
virtue visit voice wait walk wall want war ward water way we weather web wednesday week weekend
welcome well were west what when where which while white who why wide will win wind window winter wish
with within without wood word work world would write yes yesterday you young your zero
honda ford mercedes tesla lincoln bible koran torah jesus christ god lord
monday tuesday wednesday thursday friday saturday sunday spring summer autumn winter
mon tue tues wed thu thur thurs fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec
american british french german italian spanish russian chinese japanese indian irish english dutch
european african asian canadian mexican greek turkish polish swedish danish norwegian finnish
""".split()

HONORIFICS = """
mr mrs ms miss mx dr prof professor sir madam mme mlle herr frau monsieur madame rev mister doctor
""".split()

# What headings, forms and dialogues begin with, and abbreviations in capitals.
OPENERS = """
abstract accordingly actually additionally admin agenda alternatively although annex answers apparently
appendix attachment attendees background basically because besides billing bot caution ceo cfo chapter
comments conclusion conclusions consequently contents cto currently customer deadline description
despite details disclaimer discussion dob eta etc examples exception executive faq fig figure finally
findings firstly footnote format fortunately fyi furthermore glossary goals guidelines headline
hence hereby hopefully hr human iban id image implementation importantly instead instructions
interestingly introduction invoice ip issue item keywords lastly likewise links login logout meanwhile
metadata methods minutes monthly moreover nevertheless nonetheless notably notes notice objective
objectives obviously occasionally oops operator originally otherwise outcome overall overview owner
participants payment perhaps phase please possibly preface previously priority probably procedure
prompt purpose questions quote receipt recently recommendations refs regardless remark reminder
requirements requirement responses results risks sadly scenario schedule secondly section sender
settings shipping signature similarly simply sometimes somewhat specifically ssn step steps stories
strictly subject subsequently suddenly suggestions summary support surely synopsis tasks terms
thereafter therefore thirdly thus tips topic topics traceback typically ultimately unfortunately
unless update user usually vat vs warning welcome whereas whether
""".split()

# What users of language models talk about; some are first names too, but seldom alone.
PRODUCTS = """
anthropic apple azure chrome claude copilot docker excel firefox gemini github gitlab google java
kafka kotlin linux meta microsoft mistral nginx openai oracle python react redis ruby rust safari
slack swift ubuntu vertex windows llama grok bard alexa siri cortana amazon intel cisco dell sony
golang angular django flask pytorch tensorflow numpy pandas json yaml html css sql xml http https api
sdk url pdf csv nan boolean typescript javascript perl scala haskell dart erlang cobol fortran
matlab tableau powershell bash kubernetes terraform ansible jira confluence trello notion
zoom teams outlook gmail whatsapp telegram signal instagram facebook twitter tiktok youtube netflix
spotify paypal stripe shopify salesforce webflow figma canva adobe photoshop postgres mysql sqlite
mongo cassandra spark hadoop airflow grafana prometheus sentry datadog android ios iphone ipad macbook
""".split()

# Cities that are recognised wherever they stand, besides all countries.
CITIES = """
Amsterdam Athens Atlanta Auckland Baghdad Baltimore Bangalore Bangkok Barcelona Basel Beijing Beirut
Belfast Belgrade Bengaluru Bergen Berlin Bern Birmingham Bogota Bologna Bombay Bordeaux Boston
Bratislava Brisbane Bristol Brooklyn Brussels Bucharest Budapest Cairo Calcutta Calgary Canberra
Caracas Casablanca Chennai Chicago Cincinnati Cologne Copenhagen Dakar Dallas Damascus Delhi Denver
Detroit Dhaka Dortmund Dresden Dubai Dublin Durban Edinburgh Edmonton Frankfurt Geneva Genoa Glasgow
Gothenburg Grenoble Guangzhou Hamburg Hanoi Havana Helsinki Houston Hyderabad Istanbul Jakarta
Jerusalem Johannesburg Kabul Karachi Kathmandu Kiev Kolkata Kyiv Kyoto Lagos Lahore Lausanne Leeds
Leipzig Lille Lisbon Liverpool Ljubljana London Luxembourg Lyon Madrid Malmo Manchester Manhattan
Manila Marseille Melbourne Miami Milan Milwaukee Minneapolis Minsk Montevideo Montreal Moscow Mumbai
Munich Nairobi Nantes Naples Nashville Nottingham Nuremberg Oakland Orlando Osaka Oslo Ottawa Oxford
Palermo Paris Perth Philadelphia Phoenix Pittsburgh Porto Prague Pretoria Quebec Quito Reykjavik Riga
Rome Rotterdam Sacramento Salzburg Santiago Sarajevo Seattle Seoul Seville Shanghai Sheffield Shenzhen
Singapore Sofia Stockholm Strasbourg Stuttgart Sydney Taipei Tallinn Tehran Tokyo Toronto Toulouse
Tripoli Tunis Turin Utrecht Valencia Vancouver Venice Vienna Vilnius Warsaw Wellington Winnipeg Zagreb
Zurich California Texas Florida Alaska Arizona Colorado Hawaii Illinois Kansas Kentucky Louisiana
Maryland Massachusetts Michigan Minnesota Mississippi Missouri Montana Nebraska Nevada Ohio Oklahoma
Oregon Pennsylvania Tennessee Utah Vermont Wisconsin Wyoming Ontario Bavaria Tuscany Normandy Brittany
Catalonia Scotland Wales England Britain Europe Africa Asia Australia Antarctica USA UK America
""".split()


# Nationalities, ethnic and religious groups, political camps (NRP), in the forms that text has them.
NATIONS = """
Afghan Albanian Algerian American Andorran Angolan Argentine Argentinian Armenian Australian Austrian
Azerbaijani Bahamian Bahraini Bangladeshi Barbadian Basque Bavarian Belarusian Belgian Belizean Beninese
Bhutanese Bolivian Bosnian Botswanan Brazilian Breton British Bruneian Bulgarian Burmese Burundian Cambodian
Cameroonian Canadian Catalan Chadian Chechen Chilean Chinese Colombian Comorian Congolese Corsican Croatian
Cuban Cypriot Czech Danish Djiboutian Dominican Dutch Ecuadorian Egyptian Emirati English Eritrean Estonian
Eswatini Ethiopian European Fijian Filipino Finnish Flemish French Gabonese Gambian Georgian German Ghanaian
Greek Grenadian Guatemalan Guinean Guyanese Haitian Hispanic Honduran Hungarian Icelandic Indian Indonesian
Iranian Iraqi Irish Israeli Italian Ivorian Jamaican Japanese Jordanian Kazakh Kenyan Kosovan Kurdish
Kuwaiti Kyrgyz Laotian Latvian Lebanese Liberian Libyan Lithuanian Luxembourgish Macedonian Malagasy
Malawian Malaysian Maldivian Malian Maltese Maori Mauritanian Mauritian Mexican Moldovan Monegasque
Mongolian Montenegrin Moroccan Mozambican Namibian Nepalese Nepali Nicaraguan Nigerian Nigerien Norwegian
Omani Pakistani Palestinian Panamanian Paraguayan Persian Peruvian Polish Portuguese Prussian Qatari
Quebecois Romanian Russian Rwandan Salvadoran Samoan Saudi Scottish Senegalese Serbian Singaporean Slovak
Slovenian Somali Spanish Sudanese Surinamese Swedish Swiss Syrian Taiwanese Tajik Tanzanian Thai Tibetan
Togolese Tongan Tunisian Turkish Turkmen Ugandan Ukrainian Uruguayan Uyghur Uzbek Venezuelan Vietnamese
Welsh Yemeni Yemenite Zambian Zimbabwean African Asian Arab Arabian Latino Latina Latinx Scandinavian
Caribbean Balkan Slavic Nordic Celtic Roma Romani Inuit Navajo Cherokee Aboriginal Berber Tamil Punjabi
Bengali Sikh Hutu Tutsi Zulu Yoruba Igbo Hausa Swahili Afro-American African-American Asian-American
Mexican-American Frenchman Frenchwoman Englishman Englishwoman Irishman Irishwoman Dutchman Welshman
Scotsman Scot Scots Briton Brit Dane Swede Finn Pole Spaniard Turk Serb Croat Slovene Kurd Icelander
Netherlander Filipina Czechs Greeks Kiwi Aussie Afghani Anguillan Antiguan Argentinean Aruban Azeri Baloch
Bermudian Bermudan Bissau-Guinean Bosniak Burkinabe Burkinabé Catalonian Caymanian Crimean Czechoslovak
Czechoslovakian Yugoslav Yugoslavian Soviet Equatoguinean Falklander Faroese Gibraltarian Greenlander
Greenlandic Guadeloupean Guianese Herzegovinian Hongkonger Kiribatian Kirghiz Kittitian Kosovar Kyrgyzstani
Kazakhstani Uzbekistani Tajikistani Turkmenistani Lao Liechtensteiner Macanese Manx Marshallese Martinican
Micronesian Melanesian Polynesian Moldavian Montserratian Motswana Basotho Mosotho Nauruan Nevisian Palauan
Papuan Rhodesian Zairean Zairian Sammarinese Seychellois Singaporian Surinamer Swazi Tahitian Timorese
Trinidadian Tobagonian Tuvaluan Vanuatuan Vincentian Hawaiian Korean Sahrawi Ossetian Abkhazian Abkhaz
Ingush Chuvash Tatar Bashkir Buryat Yakut Cossack Ruthenian Moravian Silesian Pomeranian Sicilian Sardinian
Castilian Andalusian Galician Walloon Frisian Swabian Tyrolean Alsatian Cornish Sami Saami Ainu Hmong Khmer
Rohingya Malay Javanese Balinese Sundanese Acehnese Tagalog Cebuano Ilocano Gujarati Marathi Rajasthani
Kashmiri Sindhi Pashtun Bihari Malayali Sinhalese Assamese Cantonese Ashanti Amhara Oromo Tigrayan Maasai
Masai Kikuyu Xhosa Tswana Ndebele Shona Fulani Wolof Mandinka Bantu Tuareg Maghrebi Bedouin Sioux Comanche
Iroquois Mohawk Cree Ojibwe Lakota Hopi Maya Mayan Aztec Inca Incan Quechua Aymara Guarani Mapuche Chicano
Chicana Creole Cajun Métis Afro-Caribbean Eurasian Ashkenazi Sephardi Sephardic Levantine Mesopotamian
Babylonian Assyrian Britisher Belarussian Byelorussian Ukranian Rumanian Roumanian Hindustani Ceylonese
Siamese Formosan Luxembourger Bhutani Belizian Norseman Cornishman Ulsterman Manxman Latin-American
South-African North-African East-African West-African Central-African South-American North-American
Central-American Anglo-Saxon Anglo-American Anglo-Irish Irish-American Italian-American Chinese-American
Cuban-American Arab-American Japanese-American Korean-American Black-American Native-American Indo-European
Frenchmen Frenchwomen Englishmen Englishwomen Irishmen Irishwomen Dutchmen Dutchwoman Dutchwomen Welshmen
Welshwoman Welshwomen Scotswoman Scotsmen Scotswomen Norsemen
""".split()
# Of two words; each second one speaks for both.
NATIONS_OF_TWO = """
South African,North African,East African,West African,Central African,South American,North American,
Latin American,Central American,Native American,African American,South Korean,North Korean,Sri Lankan,
New Zealander,Costa Rican,Puerto Rican,Sierra Leonean,Cape Verdean,Cabo Verdean,San Marinese,
Saint Lucian,St Lucian,Saudi Arabian,South Sudanese,East Timorese,Equatorial Guinean,New Guinean,
Papua New Guinean,Solomon Islander,Marshall Islander,Hong Konger,Northern Irish,East German,West German,
Roman Catholic,Greek Orthodox,Russian Orthodox,South Asian,East Asian,Southeast Asian,
Eastern European,Western European,Asian American,Mexican American,American Indian
""".replace("\n", "").split(",")
FAITHS = """
Christian Catholic Protestant Orthodox Lutheran Anglican Episcopalian Methodist Baptist Presbyterian
Calvinist Evangelical Pentecostal Mormon Quaker Adventist Mennonite Amish Jehovah Muslim Islamic Sunni
Shia Shiite Sufi Salafi Jewish Jew Hasidic Judaic Hindu Buddhist Zen Sikh Jain Taoist Shinto Bahai
Zoroastrian Rastafarian Rasta Puritan Huguenot Hussite Unitarian Jesuit Franciscan Dominican
Maronite Ismaili Ahmadi Wahhabi Shiites Sunnis Wiccan Pagan Atheist Agnostic Scientologist Coptic Alawite Druze Yazidi
Christianity Catholicism Islam Judaism Hinduism Buddhism Sikhism Mormonism Protestantism
""".split()
CAMPS = """
Republican Democrat Democratic Libertarian Conservative Tory Labourite Liberal Socialist Communist
Marxist Leninist Maoist Trotskyist Fascist Nazi Anarchist Peronist Gaullist Baathist Likudnik
Stalinist Leninism Stalinism Marxism Thatcherite Reaganite Trumpist Corbynite Blairite Falangist
Francoist Monarchist Suffragette Populist Separatist Remainer Brexiteer Zionist Islamist Jihadist Royalist Loyalist Nationalist Unionist Peronist Kemalist Chavista
Bolshevik Menshevik Whig Federalist Tories
""".split()
ORGANISATIONS = """
inc corp corporation ltd llc llp plc gmbh ag sa nv bv co company group holdings bank university
college institute school hospital foundation association society committee council commission ministry
department agency bureau office court club team fc united party union league press news times post
records pictures entertainment studios airlines airways motors systems technologies software labs
fund funds securities trust bancorp restaurants industries resources pharmaceuticals energy solutions
services consulting logistics limited incorporated cooperative spa srl oy oyj ab asa kk pty
partners capital insurance church museum academy network media international
""".split()


def fingerprint(name):
    """FNV-1a over the lower-cased name, mixed: detect/names.cc computes the same."""
    h = 0xCBF29CE484222325
    for b in name.encode():
        if 0x41 <= b <= 0x5A:
            b |= 0x20
        h = ((h ^ b) * 0x100000001B3) & MASK64
    h ^= h >> 30
    h = (h * 0xBF58476D1CE4E5B9) & MASK64
    h ^= h >> 27
    h = (h * 0x94D049BB133111EB) & MASK64
    return h ^ (h >> 31)


def census(path, most):
    for line in path.read_text().splitlines()[:most]:
        yield line.split()[0].title()


def lines(path):
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        line = line.strip()
        if 2 < len(line) < 24 and re.fullmatch(r"[^\W\d_]+(?:['-][^\W\d_]+)*", line):
            yield line


def without_marks(name):
    """As people write it who have no such keys: "Novakova" for "Nováková"."""
    plain = name.translate(str.maketrans("øØłŁđĐıæÆœßþðÐÞə", "oOlLdDiaAostdDTa"))
    return "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))


def common_words(ner_dir):
    seen = {}
    # The development part is what the tagger is judged by: nothing is learnt from it.
    for path in sorted(p for p in ner_dir.glob("*.conll") if not p.stem.endswith("_dev")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            part = line.split()
            if len(part) < 2 or part[-1] != "O":
                continue
            if part[0].isalpha() and part[0].islower():
                seen[part[0]] = seen.get(part[0], 0) + 1
    return {word for word, count in seen.items() if count >= 3}


def main():
    names, ner, output = (pathlib.Path(a) for a in sys.argv[1:4])
    flags = {}

    def add(name, flag):
        # The parts of names with spaces are looked up joined by one space.
        key = "".join(c.lower() if "A" <= c <= "Z" else c for c in name)
        flags[key] = flags.get(key, 0) | flag

    for name in census(names / "us_census_male_first.txt", 700):
        add(name, FIRST | STRONG_FIRST)
    for name in census(names / "us_census_female_first.txt", 1200):
        add(name, FIRST | STRONG_FIRST)
    for name in census(names / "us_census_male_first.txt", 1219):
        add(name, FIRST)
    for name in census(names / "us_census_female_first.txt", 4275):
        add(name, FIRST)
    many_first = set(lines(names / "first_many_countries.txt"))
    for name in many_first:
        add(name, FIRST)
    for name in lines(LISTS / "first_names.txt"):
        # What two lists hold, or no English word could look like, is no accident.
        sure = name in many_first or not name.isascii()
        add(name, FIRST | (STRONG_FIRST if sure else 0))
        add(without_marks(name), FIRST)
    for name in census(names / "us_census_last.txt", 2000):
        add(name, STRONG_SURNAME)
    for name in census(names / "us_census_last.txt", 12000):
        add(name, SURNAME)
    for name in census(names / "us_census_last.txt", 30000):
        add(name, RARE_SURNAME)
    for i, name in enumerate(lines(names / "surnames_many_countries.txt")):
        add(name, SURNAME if i % 7 == 0 else RARE_SURNAME)
    for name in lines(LISTS / "surnames.txt"):
        add(name, SURNAME)
        add(without_marks(name), SURNAME)
    for row in csv.DictReader((names / "world_cities.csv").open(encoding="utf-8")):
        if len(row["name"]) > 3 and row["name"].count(" ") < 3:
            add(row["name"], PLACE)
        if row["subcountry"] and row["subcountry"].count(" ") < 3:
            add(row["subcountry"], PLACE)
        add(row["country"], PLACE | PLACE_SURE)
    for name in CITIES:
        add(name, PLACE | PLACE_SURE)
    for name in ("United States", "United Kingdom", "New York", "New York City", "Los Angeles",
                 "San Francisco", "San Diego", "Las Vegas", "Hong Kong", "Tel Aviv", "Rio de Janeiro",
                 "Buenos Aires", "Mexico City", "Cape Town", "New Delhi", "New Zealand",
                 "New Jersey", "New Mexico", "New Orleans", "North Carolina", "South Carolina",
                 "West Virginia", "North Dakota", "South Dakota", "Rhode Island", "New Hampshire",
                 "South Africa", "South Korea", "North Korea", "Saudi Arabia", "Costa Rica",
                 "Puerto Rico", "Sri Lanka", "Kuala Lumpur", "Sao Paulo", "Salt Lake City",
                 "San Antonio", "San Jose", "Silicon Valley", "British Columbia"):
        add(name, PLACE | PLACE_SURE)
    for name in ("U.S.", "U.S.A.", "U.K.", "U.A.E.", "D.C.", "NYC", "UAE", "USSR"):
        add(name, PLACE | PLACE_SURE)
    for name in NATIONS + FAITHS + CAMPS:
        add(name, GROUP)
        if not name.endswith(("s", "sh", "ch", "ese", "man")):
            add(name + "s", GROUP)
    for name in NATIONS_OF_TWO:
        for form in (name, name.split(" ")[-1]):
            add(form, GROUP)
            add(form + "s", GROUP)
    for word in ORGANISATIONS:
        add(word, ORGANISATION)
    for word in HONORIFICS:
        add(word, HONORIFIC)
    for word in PRODUCTS:
        add(word, COMMON | PRODUCT)
    for word in set(WORDS + OPENERS) | common_words(ner):
        add(word, COMMON)

    assert len(flags) < SLOTS * 7 // 10, len(flags)
    table = [0] * SLOTS
    for key in sorted(flags):
        h = fingerprint(key)
        slot = h % SLOTS
        while table[slot] != 0:
            slot = (slot + 1) % SLOTS
        table[slot] = (h >> 44) << 12 | flags[key]
    words = array.array("I", table)
    if sys.byteorder != "little":
        words.byteswap()
    output.write_bytes(words.tobytes())
    print(f"{output}: {len(flags)} names, {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
