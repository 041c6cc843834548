"""The words by which a text in plain language refuses the use of a work for AI: edit them here.

A language has words for the uses and words that refuse. A use and a refusal of the same language
near each other are a denial (`denials.py`); a phrase is one by itself. Upper case, accents and
punctuation make no difference, and a word that ends in `*` stands for every word that begins so.
A deal adds phrases of its own by `rights.denial_phrases`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LanguageWords:
    """What refusals are made of in one language.

    Attributes:
        uses: What AI, machine learning, and text and data mining are called; comma-separated.
        rights_uses: Words that mean such a use only in a field about rights, such as "training".
        refusals: Words that refuse.
        has_spaces: Whether words are written apart.
    """

    uses: str
    rights_uses: str
    refusals: str
    has_spaces: bool = True


# What is written in English whatever the language around it, but for "ai", which is a word in some.
EVERYWHERE = (
    "tdm, text and data mining, data mining, machine learning, deep learning, genai, llm, llms"
)

LANGUAGES: dict[str, LanguageWords] = {
    "English": LanguageWords(
        "ai, genai, artificial intelligence, machine learning, deep learning, ml, llm, llms, "
        "generative model*, neural net*, text and data mining, text data mining, tdm, "
        "data mining, datamining, text mining, training data, training dataset*, train a model, "
        "train model*, training model*, training of model*, model training, train algorithm*, "
        "algorithm training, language model*, diffusion model*, foundation model*, web scraping, "
        "data scraping",
        "training, train, trained, scrap*, crawl*, dataset*, data set*, algorithm*, bots, robots, "
        "mining, generative",
        "no, not, non, never, nor, without, cannot, can t, don t, isn t, mustn t, forbid*, "
        "prohibit*, disallow*, deny, denied, denies, refus*, reserv*, opt out, opted out, optout, "
        "opting out, object, objects, objected, exclud*, excluding, excluded, restrict*, banned, "
        "ban, against, illegal*, unauthori*, unlawful*, except, declin*, withheld, withhold*, "
        "withdraw*, revok*, off limits, barred, keep out, hands off, unwelcome, unlicensed, "
        "infring*, breach*, violat*, "
        "permission required, requires permission",
    ),
    "German": LanguageWords(
        "ki, ai, kunstlich* intelligenz*, kuenstlich* intelligenz*, maschinell* lernen*, "
        "machine learning, text und data mining, text und datamining, data mining, datamining, "
        "sprachmodell*, trainingsdaten, kitraining*, neuronal* netz*",
        "training*, trainier*, anlernen, auslesen, generativ*",
        "nicht, kein*, nie, niemals, ohne, untersag*, verbot*, verbiet*, unzulassig*, unerlaubt*, "
        "widersprech*, widerspruch*, widersproch*, vorbehalt*, verweiger*, ausgeschlossen, "
        "ausschluss, gegen, ablehn*, abgelehnt*, nutzungsvorbehalt*, gesperrt",
    ),
    "French": LanguageWords(
        "ia, intelligence* artificielle*, apprentissage automatique, apprentissage machine, "
        "machine learning, text and data mining, data mining, tdm, apprentissage profond, "
        "fouille de texte*, fouille de donnees, "
        "exploration de texte*, donnees d entrainement, modele* generatif*, modele* de langage",
        "entrain*, fouille, moissonnage, generati*",
        "pas, non, ne, n, aucun*, jamais, sans, ni, interdi*, prohib*, refus*, oppos*, reserv*, "
        "exclu*, proscri*, defense",
    ),
    "Spanish": LanguageWords(
        "ia, inteligencia artificial, aprendizaje automatico, aprendizaje profundo, "
        "machine learning, text and data mining, data mining, tdm, mineria de texto*, "
        "mineria de datos, datos de entrenamiento",
        "entren*, generativ*, rastreo",
        "no, sin, ni, nunca, ningun*, jamas, prohib*, reserv*, deneg*, excl*, opon*, opos*, "
        "vetad*, rechaz*",
    ),
    "Italian": LanguageWords(
        "ia, intelligenza artificiale, apprendimento automatico, machine learning, "
        "text and data mining, data mining, tdm, "
        "estrazione di testo, estrazione di dati, estrazione di testo e dati, addestramento ai, "
        "ai generativ*, l ai, dell ai, sistemi ai, modelli ai, dati di addestramento",
        "addestr*, generativ*",
        "non, no, senza, nessun*, mai, vietat*, vieta, divieto, proibi*, riserva*, esclus*, "
        "esclud*, rifiut*, oppon*, opposizione, negat*",
    ),
    "Portuguese": LanguageWords(
        "ia, inteligencia artificial, aprendizado de maquina, aprendizagem automatica, "
        "aprendizagem de maquina, machine learning, data mining, tdm, mineracao de texto*, "
        "mineracao de dados, "
        "prospecao de texto*, dados de treinamento, dados de treino",
        "trein*, generativ*",
        "nao, sem, nem, nunca, nenhum*, proib*, reserv*, vedad*, exclu*, recus*, opoe, oponho, "
        "oposicao, negad*, interdit*",
    ),
    "Dutch": LanguageWords(
        "ai, ki, kunstmatige intelligentie, artificiele intelligentie, machine learning, "
        "machinaal leren, tekst en datamining, datamining, tekstmining, trainingsdata",
        "train*, generatie*",
        "niet, geen, nooit, zonder, verbod*, verbied*, voorbehoud*, voorbehouden, weiger*, "
        "uitgeslot*, uitsluit*, ontzeg*, tegen",
    ),
    "Polish": LanguageWords(
        "ai, si, sztuczn* inteligencj*, uczeni* maszynow*, eksploracj* tekst*, "
        "eksploracj* danych, danych treningowych",
        "trenow*, szkoleni*, trening*, uczeni*",
        "nie, bez, zakaz*, zabron*, zabrania*, zastrzeg*, zastrzez*, sprzeciw*, wyklucz*, nigdy, "
        "zaden, zadn*, odmaw*, odmow*",
    ),
    "Russian": LanguageWords(
        "ии, ai, искусственн* интеллект*, машинн* обучени*, нейросет*, нейронн* сет*, "
        "анализ* данных, языков* модел*",
        "обуч*, тренировк*",
        "не, нет, без, запрещ*, запрет*, нельзя, никогда, отказ*, возраж*, исключ*",
    ),
    "Ukrainian": LanguageWords(
        "ші, ai, штучн* інтелект*, машинн* навчанн*, нейромереж*",
        "навчанн*",
        "не, ні, без, заборон*, відмов*, ніколи, виключ*",
    ),
    "Swedish": LanguageWords(
        "ai, artificiell* intelligens*, maskininlarning*, text och datautvinning*, datautvinning*",
        "tran*",
        "inte, ej, ingen, inget, inga, icke, utan, forbjud*, forbud*, forbehal*, aldrig, "
        "undanta*, nekas",
    ),
    "Danish and Norwegian": LanguageWords(
        "ai, ki, kunstig* intelligens*, maskinlaering*, tekst og datamining, datamining, "
        "tekst og datautvinning, datautvinning",
        "traen*, tren*",
        "ikke, ingen, intet, ej, uden, uten, forbud*, forby*, forbehold*, aldrig, aldri, nekte*, "
        "nægte*",
    ),
    "Finnish": LanguageWords(
        "ai, tekoaly*, koneoppimi*, tiedonlouhin*, tekstinlouhin*",
        "koulut*, opett*",
        "ei, eika, eivat, ala, alkaa, kiellet*, kielto*, kiellan, ilman, pidate*",
    ),
    "Czech and Slovak": LanguageWords(
        "ai, ui, umel* inteligenc*, strojov* uceni*, vytezovan*",
        "tren*, uceni*, trenov*",
        "ne, nie, neni, nesmi*, nelze, nepouzi*, nepovol*, zakaz*, bez, vyhra*, vyluc*, nikdy, "
        "nesouhlas*",
    ),
    "Hungarian": LanguageWords(
        "ai, mesterseges intelligenci*, gepi tanul*, szoveg es adatbanyasz*, adatbanyasz*",
        "tanit*, betanit*",
        "nem, ne, tilos, tilt*, nelkul, kizar*, fenntart*",
    ),
    "Romanian": LanguageWords(
        "ia, ai, inteligent* artificial*, invatar* automat*, extragere* de text*",
        "antren*",
        "nu, fara, interzi*, rezerv*, niciun*, nicio, exclu*, refuz*",
    ),
    "Turkish": LanguageWords(
        "yapay zeka*, makine ogren*, veri madencilig*, ai",
        "egit*",
        "yasak*, degil*, verilmez, verilmemektedir, kullanilamaz, kullanmay*, kullanilmasin*, "
        "edilemez, egitilemez, olmadan, saklidir, hayir, izinsiz",
    ),
    "Greek": LanguageWords(
        "ai, τεχνητη* νοημοσυνη*, μηχανικη* μαθηση*, εξορυξη* δεδομεν*",
        "εκπαιδευ*",
        "δεν, μη, μην, οχι, χωρις, απαγορευ*, εξαιρ*, επιφυλασσ*",
    ),
    "Vietnamese": LanguageWords(
        "ai, tri tue nhan tao, hoc may, khai thac du lieu",
        "huan luyen, dao tao",
        "khong, cam, chua",
    ),
    "Indonesian and Malay": LanguageWords(
        "ai, kecerdasan buatan, pembelajaran mesin, penambangan data",
        "pelatihan, melatih",
        "tidak, dilarang, jangan, tanpa, bukan",
    ),
    "Arabic": LanguageWords(
        "الذكاء الاصطناعي, ذكاء اصطناعي, للذكاء الاصطناعي, بالذكاء الاصطناعي, التعلم الالي, "
        "تعلم الاله, التنقيب, ai",
        "تدريب, التدريب, لتدريب",
        "لا, ممنوع, يمنع, يحظر, حظر, محظور, غير, بدون, دون, عدم, ليس, يرفض, ارفض",
    ),
    "Hebrew": LanguageWords(
        "בינה מלאכותית, לבינה מלאכותית, למידת מכונה, כריית נתונים, ai",
        "אימון, לאימון",
        "לא, אין, אסור, ללא, איסור, בלי",
    ),
    "Hindi": LanguageWords(
        "एआई, ai, कृत्रिम बुद्धिमत्ता, मशीन लर्निंग, डेटा माइनिंग",
        "प्रशिक्षण",
        "नहीं, न, मना, निषेध, निषिद्ध, वर्जित, प्रतिबंधित, बिना",
    ),
    "Japanese": LanguageWords(
        "ai, 人工知能, 機械学習, 深層学習, テキストマイニング, データマイニング, 学習データ, "
        "大規模言語モデル",
        "学習",
        "禁止, 不可, 禁ず, 禁じ, 拒否, お断り, 不許可, しない, しません, 認めない, 認めません, "
        "しないで, できません, 無断, 遠慮, 厳禁, ng, 除く, 反対, 使わない, 用いない, 使用しない",
        has_spaces=False,
    ),
    "Chinese": LanguageWords(
        "ai, 人工智能, 人工智慧, 机器学习, 機器學習, 深度学习, 深度學習, 数据挖掘, 資料探勘, "
        "數據挖掘, 文本挖掘, 大模型, 语言模型, 語言模型",
        "训练, 訓練, 模型, 学习, 學習",
        "禁止, 不得, 不允许, 不允許, 不可, 不能, 不许, 不許, 严禁, 嚴禁, 拒绝, 拒絕, 保留, "
        "未经, 未經, 勿, 不用于, 不用於, 不同意, 不授权, 不授權",
        has_spaces=False,
    ),
    "Korean": LanguageWords(
        "ai, 인공지능, 인공 지능, 기계학습, 기계 학습, 머신러닝, 딥러닝, 데이터 마이닝, "
        "데이터마이닝, 텍스트 마이닝",
        "학습",
        "금지, 불가, 거부, 안 됨, 안됨, 안 됩, 안됩, 하지 마, 하지마, 허용하지, 허가하지, 없이, "
        "금합, 말 것, 불허",
        has_spaces=False,
    ),
    "Thai": LanguageWords(
        "ai, เอไอ, ปัญญาประดิษฐ์, การเรียนรู้ของเครื่อง", "ฝึก, เทรน", "ห้าม, ไม่", has_spaces=False
    ),
    "Catalan": LanguageWords(
        "ia, intel ligencia artificial, inteligencia artificial, aprenentatge automatic, "
        "data mining, "
        "mineria de text*, mineria de dades",
        "entren*, generativ*",
        "no, sense, ni, mai, cap, prohib*, reserv*, exclo*, denega*, opos*",
    ),
    "Bulgarian and Macedonian": LanguageWords(
        "ии, изкуствен* интелект*, вештачк* интелигенциј*, машинно обучение, "
        "машинско учење, невронн* мреж*",
        "обучени*, обука*, тренир*",
        "не, без, забран*, отказ*, никога, никогаш, изключ*, запазен*",
    ),
    "Croatian, Serbian and Bosnian": LanguageWords(
        "umjetn* inteligencij*, vestack* inteligencij*, strojn* ucenj*, "
        "masinsk* ucenj*, вештачк* интелигенциј*, машинск* учењ*, rudarenj* podat*",
        "obuk*, obuc*, trenir*, treniranj*, ucenj*, обук*, тренир*",
        "ne, nije, nisu, bez, zabran*, pridrzan*, zadrzan*, odbij*, nikada, iskljuc*, не, није, "
        "без, забран*, забрањ*, никада",
    ),
    "Slovenian": LanguageWords(
        "umetn* inteligenc*, strojn* ucenj*, podatkovn* rudarjenj*",
        "ucenj*, usposablj*, trenir*",
        "ne, ni, niso, brez, prepoved*, pridrzan*, nikoli, izkljuc*, zavrn*",
    ),
    "Lithuanian": LanguageWords(
        "dirbtin* intelekt*, masinin* mokym*, duomen* gavyb*",
        "mokym*, mokyt*, treniruo*, apmokym*",
        "ne, nera, nenaudo*, negalima, neleidz*, draudz*, uzdraust*, niekada",
    ),
    "Latvian": LanguageWords(
        "maksliga* intelekt*, maksligo intelekt*, masinmac*, datizrac*",
        "apmac*, trenes*",
        "ne, nav, nedrikst, nelietot, neizmantot, bez, aizlieg*, liegt*, nekad",
    ),
    "Estonian": LanguageWords(
        "tehisintellek*, tehisaru*, masinope*, masinoppe*, andmekaeve*",
        "treeni*, opeta*, koolita*",
        "ei, ara, mitte, ilma, keelat*, keela*, keeld*",
    ),
    "Icelandic": LanguageWords(
        "gervigreind*, velnam*, gagnanam*",
        "thjalf*, þjalf*",
        "ekki, ei, engin, bann*, ohimil*, obeimil*, aldrei",
    ),
    "Basque": LanguageWords(
        "adimen artifizial*, ikasketa automatiko*",
        "entrena*, trebatze*",
        "ez, gabe, debeka*, inoiz, ukatu*",
    ),
    "Afrikaans": LanguageWords(
        "kunsmatige intelligensie, masjienleer*, data ontginning",
        "oplei*, afrigting",
        "nie, geen, sonder, verbied*, verbode, voorbehou*, nooit",
    ),
    "Albanian": LanguageWords(
        "inteligjenc* artificial*",
        "trajnim*, trajnoj*",
        "nuk, mos, pa, jo, ndalo*, ndaluar, asnjehere",
    ),
    "Welsh": LanguageWords(
        "ai, deallusrwydd artiffisial, dysgu peirian*",
        "hyfforddi*",
        "ni, nid, na, dim, heb, gwaherddir, gwahardd*, peidiwch",
    ),
    "Irish": LanguageWords(
        "intleacht shaorga, hintleachta saorga, intleachta saorga, foghlaim meaisin, ai",
        "oiliuint, traenail*",
        "ni, nil, gan, na, cosc*, toirmisc*, diultaithe",
    ),
    "Sinhala": LanguageWords(
        "ai, කෘත්‍රිම බුද්ධිය*, යන්ත්‍ර ඉගෙනුම*",
        "පුහුණු*",
        "තහනම්, නොකළ, එපා, නැත",
        has_spaces=False,
    ),
    "Swahili": LanguageWords(
        "akili bandia, akili mnemba, akili unde",
        "kufundish*, mafunzo, kufunza",
        "hairuhus*, usitumie, bila, marufuku, kataz*, imekataz*",
    ),
    "Tagalog": LanguageWords(
        "artipisyal na intelihensiya",
        "pagsasanay, sanayin",
        "bawal, hindi, huwag, walang, ipinagbabawal",
    ),
    "Azerbaijani and Kazakh": LanguageWords(
        "suni intellekt*, masin oyren*, жасанды интеллект*, машиналық оқыту",
        "telim*, oyred*, оқыт*",
        "qadagan*, olmaz, olmadan, icaze verilmir, тыйым*, болмайды, рұқсат етілмейді",
    ),
    "Georgian": LanguageWords(
        "ხელოვნურ* ინტელექტ*, მანქანურ* სწავლ*",
        "წვრთნ*, სწავლ*",
        "არ, აკრძალ*, გარეშე, ნუ, არასოდეს",
    ),
    "Armenian": LanguageWords(
        "արհեստական բանականությ*, մեքենայական ուսուց*",
        "ուսուց*, մարզ*",
        "արգել*, չի, մի, առանց, երբեք",
    ),
    "Persian and Urdu": LanguageWords(
        "هوش مصنوعی, یادگیری ماشین*, داده کاوی, مصنوعی ذہانت, مشین لرننگ",
        "آموزش, تربیت",
        "ممنوع, غیرمجاز, غیر مجاز, نباید, نکنید, بدون, نیست, نہیں, منع, مت, بغیر",
    ),
    "Bengali": LanguageWords(
        "এআই, কৃত্রিম বুদ্ধিমত্তা*, মেশিন লার্নিং",
        "প্রশিক্ষণ*",
        "নিষিদ্ধ, নিষেধ, না, নয়, ছাড়া, নেই",
        has_spaces=False,
    ),
    "Tamil": LanguageWords(
        "செயற்கை நுண்ணறிவு*, இயந்திர கற்றல்*",
        "பயிற்சி*",
        "தடை*, கூடாது, இல்லை, அனுமதி இல்லை",
        has_spaces=False,
    ),
    # Of languages whose shorter words mean something else beside "ai" in others.
    "further languages": LanguageWords(
        "ai, ia, ki, ии",
        "training, trening*, обук*",
        "prohibi*, zabran*, забран*, prepoved*, draudz*, aizlieg*, keelat*, bannad, bonnud, "
        "debeka*, verbied*, verbode, ndalo*, hairuhus*, marufuku, bawal, ipinagbabawal, qadagan*, "
        "тыйым*, აკრძალ*, արգել*, ممنوع, নিষিদ্ধ, தடை*",
    ),
}

# Each is a denial by itself, in any field.
PHRASES: tuple[str, ...] = (
    *("noai", "no ai", "noimageai", "no image ai", "notrain", "do not train", "don t train"),
    *("not for ai", "ai opt out", "opt out of ai", "human only no ai", "no genai", "no gen ai"),
    *("not for training", "no training", "no scraping", "do not scrape"),
    *(
        "train ai n",
        "train genai n",
        "usage ai n",
        "ai train no",
        "tdm reserved",
        "tdm reservation 1",
        "tdm rights reserved",
    ),
    # The statutes under which text and data mining is reserved.
    *("directive 2019 790", "directive eu 2019 790", "richtlinie eu 2019 790", "2019 790"),
    *(
        "44b abs",
        "art 4 dsm",
        "article 4 dsm",
        "art 4 3 dsm",
        "article 4 3 dsm",
        "article 4 3 of the dsm",
        "artikel 4 dsm",
    ),
    *("anti ai", "ai unwelcome", "no derivatives for ai"),
    *("44b urhg", "l122 5 3", "l 122 5 3"),
)

# Words that look alike and refuse nothing: they say how a picture was made.
HARMLESS: tuple[str, ...] = (
    *("not ai generated", "not generated by ai", "not generated with ai", "not created by ai"),
    *("not created with ai", "not made by ai", "not made with ai", "no ai used", "no ai was used"),
    *("no generative ai used", "no generative ai was used", "no ai tools used"),
    *("created without ai", "made without ai", "without the use of ai", "non ai generated"),
    *("nicht ki generiert", "keine ki verwendet", "ohne ki erstellt"),
)
