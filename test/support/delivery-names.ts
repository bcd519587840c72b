import type { DeliveryLine } from '../../src/deliveries/delivery.js';

/* Names of all scripts that a delivery can draw, made from parts: as many different ones as wanted, always the same. */

type Naming = { country: string; given: string; family: string; order?: 'family first' };

const NAMINGS: readonly Naming[] = [
  {
    country: 'GB',
    given: 'Ada Grace Olivia Arthur George Noah Isla Amelia Leo Freya',
    family: 'Lovelace Hopper Smith Jones Taylor Brown Wilson Evans',
  },
  {
    country: 'DE',
    given: 'Jürgen Käthe Björn Änne Lukas Mia Finn Emma Paul Hannah',
    family: 'Müller Weiß Schröder Größ Vogel Lehmann Krüger Böhm',
  },
  {
    country: 'PL',
    given: 'Łukasz Zofia Paweł Małgorzata Wojciech Agnieszka Józef',
    family: 'Wiśniewski Dąbrowska Żak Wójcik Szymańska Grabowski',
  },
  {
    country: 'VN',
    given: 'Hồng Ánh Tuấn Thảo Quỳnh Đức Hạnh Ngọc',
    family: 'Nguyễn Trần Lê Phạm Hoàng Đặng Võ Bùi',
    order: 'family first',
  },
  {
    country: 'GR',
    given: 'Γεώργιος Μαρία Κωνσταντίνος Ελένη Νίκος Αικατερίνη',
    family: 'Παπαδόπουλος Γεωργίου Οικονόμου Καραγιάννης',
  },
  {
    country: 'UA',
    given: 'Євгенія Олександр Їванка Тарас Оксана Андрій',
    family: 'Шевченко Коваленко Бондаренко Ткачук Кравець',
  },
  {
    country: 'EG',
    given: 'محمد فاطمة أحمد عائشة يوسف خديجة عمر زينب',
    family: 'الحسيني المصري عبدالله النجار العلي حداد',
  },
  { country: 'IL', given: 'דוד שרה יעקב רחל משה לאה אברהם תמר', family: 'כהן לוי מזרחי פרץ ביטון אברהמי' },
  {
    country: 'IN',
    given: 'श्रीकृष्ण प्रज्ञा हर्षवर्धन लक्ष्मी राजेन्द्र सुनीता',
    family: 'त्रिपाठी शर्मा द्विवेदी गुप्ता मिश्रा वर्मा',
  },
  {
    country: 'BD',
    given: 'রফিকুল সৌমিত্র তানজিলা শর্মিষ্ঠা আব্দুল নুসরাত',
    family: 'ইসলাম চট্টোপাধ্যায় রহমান চৌধুরী হোসেন',
  },
  {
    country: 'LK',
    given: 'தமிழ்ச்செல்வன் கோபாலகிருஷ்ணன் லட்சுமி முருகன்',
    family: 'ஸ்ரீனிவாசன் பெருமாள் சுப்பிரமணியம் ராஜேந்திரன்',
  },
  { country: 'TH', given: 'สมชาย ศิริวรรณ น้ำผึ้ง ประเสริฐ กัญญา', family: 'ใจดี กุลธิดา ศรีสุข ปู่เจริญ วงศ์ใหญ่' },
  { country: 'GE', given: 'გიორგი ნინო დავით მარიამ ლუკა', family: 'მაისურაძე ბერიძე კაპანაძე გელაშვილი' },
  { country: 'AM', given: 'Արամ Անի Հայկ Մարիամ Տիգրան', family: 'Խաչատրյան Հակոբյան Սարգսյան Գրիգորյան' },
  { country: 'ET', given: 'አበበ ኃይሌ ትዕግስት ብርሃን ሰላም', family: 'ቢቂላ ገብረሥላሴ ተስፋዬ ወልደማርያም' },
  {
    country: 'CN',
    given: '小明 伟 秀英 建国 丽 雪 子涵 欣怡',
    family: '王 李 张 刘 陈 杨 赵 黄',
    order: 'family first',
  },
  {
    country: 'JP',
    given: '太郎 花子 さくら 健一 ゆい 大輔',
    family: '山田 佐藤 鈴木 髙橋 渡邊 伊藤',
    order: 'family first',
  },
  {
    country: 'KR',
    given: '민준 서연 지훈 하은 도윤 수빈',
    family: '김 이 박 최 정 강',
    order: 'family first',
  },
];

/** The letters that a generated syllable is made of: new words for those who fill a cache with them. */
const SYLLABLES = 'ba ce di fo gu la me ni ro su ta ve wi xo zu an el ir ov ul'.split(' ');

const pick = (list: readonly string[], number: number): string => list[number % list.length] ?? '';

/** A word that no other number has. */
export function word(number: number): string {
  let text = '';
  for (let rest = number; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) text += pick(SYLLABLES, rest);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A salt for each number: a delivery that is written again has the same bytes. */
export const saltOf = (number: number): string =>
  Buffer.from(String(number).padStart(16, 'salt')).toString('base64url');

/** As many lines as wanted, in the order of countries if `sorted`. */
export function* deliveryLines(count: number): Generator<DeliveryLine> {
  for (let number = 1; number <= count; number += 1) {
    const naming = NAMINGS[number % NAMINGS.length];
    if (!naming) return;
    const given = pick(naming.given.split(' '), Math.floor(number / 18) * 7 + 3);
    const family = pick(naming.family.split(' '), Math.floor(number / 126) * 5 + number);
    const latin = naming.country === 'GB' ? ` ${word(number)}` : '';
    const between = /[一-鿿가-힣]/.test(family) ? '' : ' ';
    const name = naming.order ? `${family}${between}${given}` : `${given} ${family}${latin}`;
    yield {
      number,
      salt: saltOf(number),
      name: number % 50 === 0 ? null : number % 999 === 0 ? `${name} 😀` : name,
      country: naming.country,
      city: naming.country === 'DE' ? 'Köln' : null,
      date: `2026-${String((number % 12) + 1).padStart(2, '0')}-15`,
      partner: number % 3 === 0 ? 'River Watch' : null,
    };
  }
}
