/** The Gregorian calendar in whole days since 1 January 1970. Source: Howard Hinnant, "chrono-compatible low-level date algorithms". */

export interface CalendarDay {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly date: number
  /** 0 is Sunday. */
  readonly weekday: number
}

const era_days = 146_097
const epoch_days = 719_468

export const dayNumber = (year: number, month: number, date: number): number => {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const year_of_era = shifted - era * 400
  const day_of_year = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + date - 1
  return era * era_days + year_of_era * 365 + Math.floor(year_of_era / 4) - Math.floor(year_of_era / 100) + day_of_year - epoch_days
}

export const calendarDay = (day: number): CalendarDay => {
  const shifted = day + epoch_days
  const era = Math.floor(shifted / era_days)
  const day_of_era = shifted - era * era_days
  const year_of_era = Math.floor((day_of_era - Math.floor(day_of_era / 1_460) + Math.floor(day_of_era / 36_524) - Math.floor(day_of_era / 146_096)) / 365)
  const day_of_year = day_of_era - (365 * year_of_era + Math.floor(year_of_era / 4) - Math.floor(year_of_era / 100))
  const index = Math.floor((5 * day_of_year + 2) / 153)
  const month = index < 10 ? index + 3 : index - 9
  const date = day_of_year - Math.floor((153 * index + 2) / 5) + 1
  return { year: year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, date, weekday: (((day + 4) % 7) + 7) % 7 }
}

export const daysInMonth = (year: number, month: number): number => (month === 12 ? 31 : dayNumber(year, month + 1, 1) - dayNumber(year, month, 1))
