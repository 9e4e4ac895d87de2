// IMF-fixdate, the form of HTTP-date that senders use (RFC 9110 §5.6.7), with calendar arithmetic of its own because
// core has neither clock nor calendar. Leaves out parsing: nothing here reads dates.

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

function div(a: number, b: number): number {
  return Math.floor(a / b);
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
