// Prints the public holidays of the regions of a country as JSON: node holidays.js ES 2023 2030
'use strict';

const Holidays = require('date-holidays');

const [country, first, last] = process.argv.slice(2);
const regions = {};
for (const region of Object.keys(new Holidays().getStates(country))) {
  const calendar = new Holidays(country, region);
  regions[region] = [];
  for (let year = Number(first); year <= Number(last); year++) {
    const days = calendar.getHolidays(year).filter((day) => day.type === 'public').map((day) => day.date.slice(0, 10));
    regions[region].push(...days);
  }
}

console.log(JSON.stringify(regions));
