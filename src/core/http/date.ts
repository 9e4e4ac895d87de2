// HTTP-date (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms, with calendar arithmetic of its own because
// core has neither clock nor calendar. Leaves out time zones and leap seconds: all is UTC, and a minute has 60 seconds.

const MICROS_PER_SECOND = 1_000_000;
const SECONDS_PER_DAY = 86_400;
/** Days from 1 March of the year 0 to 1 January 1970 in the proleptic Gregorian calendar. */
const DAYS_TO_1970 = 719_468;
/** The Gregorian calendar repeats after 400 years. */
const DAYS_PER_ERA = 146_097;

const DAY_NAMES = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/**
 * `Sun, 06 Nov 1994 08:49:37 GMT`, always 29 characters.
 * @param unixUs microseconds since 1970-01-01T00:00:00Z, zero or more; parts of a second are dropped
 */
export function imfFixdate(unixUs: number): string {
  const seconds = Math.floor(unixUs / MICROS_PER_SECOND);
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const secondOfDay = seconds - days * SECONDS_PER_DAY;

  // Years are counted from 1 March, so that the leap day is the last of its year and needs no case of its own.
  const shifted = days + DAYS_TO_1970;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = div(dayOfEra - div(dayOfEra, 1_460) + div(dayOfEra, 36_524) - div(dayOfEra, DAYS_PER_ERA - 1), 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + div(yearOfEra, 4) - div(yearOfEra, 100));
  // From March the months have 31 30 31 30 31 days, over and over: 153 days in five months.
  const monthFromMarch = div(5 * dayOfYear + 2, 153);
  const day = dayOfYear - div(153 * monthFromMarch + 2, 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 2 : monthFromMarch - 10;
  const year = era * 400 + yearOfEra + (month < 2 ? 1 : 0);

  // 1 January 1970 was a Thursday.
  const dayName = DAY_NAMES[(days + 4) % 7]!;
  const hour = div(secondOfDay, 3_600);
  const minute = div(secondOfDay, 60) % 60;
  return (
    `${dayName}, ${twoDigits(day)} ${MONTHS[month]!} ${String(year).padStart(4, '0')} ` +
    `${twoDigits(hour)}:${twoDigits(minute)}:${twoDigits(secondOfDay % 60)} GMT`
  );
}

const DAY = '(0[1-9]|[12][0-9]|3[01])';
const MONTH = `(${MONTHS.join('|')})`;
const TIME = '([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)';
const IMF_FIXDATE = new RegExp(`^(?:${DAY_NAMES.join('|')}), ${DAY} ${MONTH} ([0-9]{4}) ${TIME} GMT$`);
const RFC850 = new RegExp(`^(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day, ${DAY}-${MONTH}-([0-9]{2}) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^(?:${DAY_NAMES.join('|')}) ${MONTH} (?:${DAY}| ([1-9])) ${TIME} ([0-9]{4})$`);

/**
 * Seconds since 1970, negative before; undefined for what is no HTTP-date. `nowSeconds` tells the century where the year
 * has two digits: never more than 50 years after it. The day's name is not checked against the date.
 */
export function parseHttpDate(text: string, nowSeconds: number): number | undefined {
  let parts = IMF_FIXDATE.exec(text);
  if (parts !== null) return secondsOf(parts, Number(parts[3]), parts[2]!, Number(parts[1]), 4);
  parts = RFC850.exec(text);
  if (parts !== null) {
    const day = Number(parts[1]);
    const thisYear = Number(imfFixdate(Math.max(0, nowSeconds) * MICROS_PER_SECOND).slice(12, 16));
    let year = thisYear - (thisYear % 100) + Number(parts[3]) + 100;
    let seconds = secondsOf(parts, year, parts[2]!, day, 4);
    const latest = nowSeconds + 50 * 365 * SECONDS_PER_DAY + 12 * SECONDS_PER_DAY;
    for (; seconds === undefined || seconds > latest; seconds = secondsOf(parts, year, parts[2]!, day, 4)) {
      year -= 100;
      if (year < thisYear - 200) return undefined;
    }
    return seconds;
  }
  parts = ASCTIME.exec(text);
  if (parts !== null) return secondsOf(parts, Number(parts[7]), parts[1]!, Number(parts[2] ?? parts[3]), 4);
  return undefined;
}

/** Hour, minute and second stand in `parts` from index `at` on. Undefined: the month has no such day. */
function secondsOf(
  parts: RegExpExecArray,
  year: number,
  monthName: string,
  day: number,
  at: number,
): number | undefined {
  const month = MONTHS.indexOf(monthName as (typeof MONTHS)[number]);
  const shiftedYear = month < 2 ? year - 1 : year;
  const monthFromMarch = (month + 10) % 12;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const longest = month === 1 ? (leap ? 29 : 28) : [3, 5, 8, 10].includes(month) ? 30 : 31;
  if (day > longest) return undefined;
  const era = div(shiftedYear, 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = div(153 * monthFromMarch + 2, 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + div(yearOfEra, 4) - div(yearOfEra, 100) + dayOfYear;
  const days = era * DAYS_PER_ERA + dayOfEra - DAYS_TO_1970;
  const [hour, minute, second] = [Number(parts[at]), Number(parts[at + 1]), Number(parts[at + 2])];
  return days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
}

function div(a: number, b: number): number {
  return Math.floor(a / b);
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
