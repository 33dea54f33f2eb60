"""Values of the kinds that personal data comes in, made up, with valid check digits."""

import string

FIRST = ("Amara Anneliese Bartholomew Beatriz Catalina Dmitri Eilidh Fatoumata Georgios Hildegard Ignacio "
         "Jiayi Katarzyna Lorcan Marguerite Nikolai Oluwaseun Priyanka Quentin Rosalind Siobhan Takeshi "
         "Ulrike Valentina Wilhelmina Xiomara Yusuf Zofia Tom Sarah Michael Linda Kevin Emma Paul Grace "
         "Hannah Victor Ruth Peter Julia Daniel Sofia Mark Laura Adam Nina Oscar Irene Hugo Clara").split()
LAST = ("Abernathy Okonkwo Vandermeer Castellano Dubrovsky Eriksen Fitzgerald Gutierrez Halvorsen Ibrahimovic "
        "Jablonski Kaczmarek Lindqvist Moreau Nakamura Oyelaran Papadopoulos Quiroga Rasmussen Silverstein "
        "Thackeray Urbanek Villanueva Wojcik Yamamoto Zimmermann Baker Miller Jones Clark Turner Young Hughes "
        "Foster Russell Walsh Becker Rossi Novak Petrov Larsen Costa Meyer Chen Singh Khan Kim Nguyen").split()
CITIES = ("Rotterdam Gdansk Valparaiso Nairobi Adelaide Osaka Toulouse Leipzig Bergamo Calgary Tampa Boise "
          "Sheffield Cork Malmo Porto Lagos Jaipur Busan Denver Phoenix Chicago Boston Dublin Madrid Vienna").split()
COUNTRIES = "Norway Portugal Kenya Chile Japan Poland Canada Austria Greece Vietnam Ireland Peru Finland Egypt".split()
STATES = (("Ohio", "OH"), ("Texas", "TX"), ("Oregon", "OR"), ("Maine", "ME"), ("Nevada", "NV"), ("Georgia", "GA"))
NATIONS = ("Norwegian Portuguese Kenyan Chilean Japanese Polish Canadian Austrian Greek Vietnamese Irish Peruvian "
           "Finnish Egyptian Catholic Muslim Buddhist Jewish Hindu").split()
STREETS = ("Maple Oak Juniper Harbour Wellington Sycamore Lincoln Orchard Station Church Willow Highland").split()
STREET_WORDS = ("Street", "St", "Avenue", "Ave", "Road", "Rd", "Lane", "Drive", "Boulevard", "Court")
DOMAINS = ("example.com", "mail.example.org", "post.example.net", "northwind-traders.com", "lindenhof.de", "kiwi.co.nz")
MONTHS = ("January February March April May June July August September October November December").split()


def digits(random, count):
    return "".join(random.choice(string.digits) for _ in range(count))


def luhn_digit(number):
    total = 0
    for i, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if i % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def person(random):
    shape = random.random()
    first, last = random.choice(FIRST), random.choice(LAST)
    if shape < 0.45:
        return f"{first} {last}"
    if shape < 0.60:
        return first
    if shape < 0.70:
        return f"{first} {random.choice(string.ascii_uppercase)}. {last}"
    if shape < 0.78:
        return f"{first} {last}-{random.choice(LAST)}"
    if shape < 0.86:
        return last
    return f"{first} {random.choice(FIRST)} {last}"


def email(random):
    user = random.choice((f"{random.choice(FIRST)}.{random.choice(LAST)}", random.choice(FIRST) + digits(random, 2),
                          f"{random.choice(LAST)}_{random.choice(FIRST)}"))
    return f"{user.lower()}@{random.choice(DOMAINS)}"


def phone(random):
    area, rest = str(random.choice((212, 305, 415, 503, 617, 702, 312, 404))), digits(random, 4)
    middle = str(random.randint(2, 9)) + str(random.randint(2, 9)) + str(random.randint(2, 9))
    return random.choice((f"({area}) {middle}-{rest}", f"{area}-{middle}-{rest}", f"+1 {area} {middle} {rest}",
                          f"{area}.{middle}.{rest}", f"+44 20 7946 0{digits(random, 3)}", f"+49 30 2{digits(random, 7)}"))


def card(random):
    prefix, length = random.choice((("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3528", 16)))
    body = prefix + digits(random, length - len(prefix) - 1)
    number = body + luhn_digit(body)
    if length == 16 and random.random() < 0.5:
        gap = random.choice(" -")
        return gap.join(number[i:i + 4] for i in range(0, 16, 4))
    return number


def iban(random):
    country, bban = random.choice((("DE", digits(random, 18)), ("FR", digits(random, 23)), ("NL", "ABNA" + digits(random, 10)),
                                   ("GB", "NWBK" + digits(random, 14)), ("ES", digits(random, 20))))
    value = "".join(str(int(c, 36)) for c in bban + country + "00")
    number = f"{country}{98 - int(value) % 97:02d}{bban}"
    return number if random.random() < 0.5 else " ".join(number[i:i + 4] for i in range(0, len(number), 4))


def ssn(random):
    return f"{random.choice((123, 219, 457, 532, 601))}-{random.randint(10, 99)}-{random.randint(1000, 9999)}"


def ip(random):
    if random.random() < 0.7:
        return ".".join(str(random.randint(1, 254)) for _ in range(4))
    return "2001:db8:" + ":".join(f"{random.randint(1, 65535):x}" for _ in range(6))


def url(random):
    host = random.choice(("intranet.example.com", "www.lindenhof.de", "docs.northwind-traders.com"))
    return random.choice(("https://", "http://")) + host + random.choice(("", "/files/report", "/u/profile?id=7"))


def date(random):
    day, month, year = random.randint(1, 28), random.randint(1, 12), random.randint(1950, 2024)
    return random.choice((f"{MONTHS[month - 1]} {day}, {year}", f"{day} {MONTHS[month - 1]} {year}",
                          f"{year}-{month:02d}-{day:02d}", f"{month:02d}/{day:02d}/{year}", f"{day:02d}.{month:02d}.{year}"))


def address(random):
    number, street = random.randint(1, 9999), f"{random.choice(STREETS)} {random.choice(STREET_WORDS)}"
    state = random.choice(STATES)[1]
    return random.choice((f"{number} {street}, {random.choice(CITIES)}, {state} {digits(random, 5)}", f"{number} {street}",
                          f"{number} {street}, Apt {random.randint(1, 99)}, {random.choice(CITIES)}"))


def place(random):
    return random.choice((random.choice(CITIES), random.choice(COUNTRIES), random.choice(STATES)[0]))


def licence(random):
    return random.choice(string.ascii_uppercase) + digits(random, random.choice((7, 12)))


def passport(random):
    return digits(random, 9)


def bank(random):
    return digits(random, random.choice((10, 12)))


MAKERS = {"PERSON": person, "EMAIL_ADDRESS": email, "PHONE_NUMBER": phone, "CREDIT_CARD": card, "IBAN_CODE": iban,
          "US_SSN": ssn, "IP_ADDRESS": ip, "URL": url, "DATE_TIME": date, "ADDRESS": address, "LOCATION": place,
          "NRP": lambda random: random.choice(NATIONS), "US_DRIVER_LICENSE": licence, "US_PASSPORT": passport,
          "US_BANK_NUMBER": bank}
