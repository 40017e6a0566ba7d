// @ts-check
/**
 * The two demo applications: names, picture, one collection with sample rows, and what their page shows.
 */
import { drawPicture } from './picture.mjs';

/**
 * @typedef {object} DemoApplication
 * @property {string} name
 * @property {string} displayName
 * @property {string} cname
 * @property {string} iconImage
 * @property {{ name: string, title: string, fields: Array<{ name: string }> }} collection
 * @property {Array<Record<string, string | number>>} rows
 * @property {DemoPage} page
 *
 * @typedef {object} DemoPage
 * @property {{ title: string, icon: string }} group of the menu
 * @property {{ title: string, icon: string }} item of the menu
 * @property {string} form its title
 * @property {DemoChart[]} charts
 *
 * @typedef {object} DemoChart
 * @property {string} key
 * @property {string} title
 * @property {'doughnut' | 'bar'} type
 * @property {string} by the field that rows are grouped by
 * @property {{ field: string, aggregation: 'count' | 'sum', alias: string }} measure
 */

/** @type {DemoApplication[]} */
export const APPLICATIONS = [
  {
    name: 'crm',
    displayName: 'Customer relations',
    cname: 'crm.test.localhost',
    iconImage: drawPicture('people'),
    collection: collection('customers', 'Customers', [
      text('name', 'Name'),
      text('city', 'City'),
      choice('stage', 'Stage', { Lead: 'gold', Offer: 'blue', Customer: 'green' }),
      whole('revenue', 'Revenue'),
    ]),
    rows: [
      { name: 'Ada Brandt', city: 'Hamburg', stage: 'Customer', revenue: 48000 },
      { name: 'Li Wei', city: 'Chengdu', stage: 'Customer', revenue: 61500 },
      { name: 'Noor Haddad', city: 'Amman', stage: 'Offer', revenue: 22000 },
      { name: 'Tomás Ruiz', city: 'Sevilla', stage: 'Lead', revenue: 9000 },
      { name: 'Grace Okafor', city: 'Lagos', stage: 'Customer', revenue: 39500 },
      { name: 'Jonas Lindqvist', city: 'Hamburg', stage: 'Offer', revenue: 27000 },
      { name: 'Chen Jing', city: 'Chengdu', stage: 'Lead', revenue: 12500 },
      { name: 'Maryam Aziz', city: 'Amman', stage: 'Customer', revenue: 31000 },
      { name: 'Lucía Torres', city: 'Sevilla', stage: 'Customer', revenue: 26500 },
      { name: 'Emeka Balogun', city: 'Lagos', stage: 'Lead', revenue: 8000 },
      { name: 'Frieda Voss', city: 'Hamburg', stage: 'Lead', revenue: 14000 },
      { name: 'Zhang Min', city: 'Chengdu', stage: 'Offer', revenue: 33000 },
    ],
    page: {
      group: { title: 'Sales', icon: 'FundOutlined' },
      item: { title: 'Customers', icon: 'TeamOutlined' },
      form: 'New customer',
      charts: [
        {
          key: 'stages',
          title: 'Customers by stage',
          type: 'doughnut',
          by: 'stage',
          measure: { field: 'id', aggregation: 'count', alias: 'Customers' },
        },
        {
          key: 'cities',
          title: 'Revenue by city',
          type: 'bar',
          by: 'city',
          measure: { field: 'revenue', aggregation: 'sum', alias: 'Revenue' },
        },
      ],
    },
  },
  {
    name: 'shop',
    displayName: 'Web shop',
    cname: 'shop.test.localhost',
    iconImage: drawPicture('bag'),
    collection: collection('products', 'Products', [
      text('name', 'Name'),
      choice('category', 'Category', { Lighting: 'gold', Furniture: 'cyan', Textiles: 'magenta' }),
      whole('price', 'Price'),
      whole('stock', 'In stock'),
    ]),
    rows: [
      { name: 'Desk lamp', category: 'Lighting', price: 49, stock: 12 },
      { name: 'Bookshelf', category: 'Furniture', price: 180, stock: 4 },
      { name: 'Oak table', category: 'Furniture', price: 640, stock: 1 },
      { name: 'Floor lamp', category: 'Lighting', price: 95, stock: 7 },
      { name: 'Linen curtain', category: 'Textiles', price: 38, stock: 26 },
      { name: 'Wool blanket', category: 'Textiles', price: 72, stock: 15 },
      { name: 'Reading chair', category: 'Furniture', price: 310, stock: 3 },
      { name: 'Paper lantern', category: 'Lighting', price: 18, stock: 30 },
      { name: 'Cotton rug', category: 'Textiles', price: 120, stock: 9 },
      { name: 'Coat rack', category: 'Furniture', price: 85, stock: 11 },
      { name: 'Wall light', category: 'Lighting', price: 64, stock: 8 },
      { name: 'Sideboard', category: 'Furniture', price: 520, stock: 2 },
    ],
    page: {
      group: { title: 'Catalogue', icon: 'ShopOutlined' },
      item: { title: 'Products', icon: 'TagsOutlined' },
      form: 'New product',
      charts: [
        {
          key: 'categories',
          title: 'Products by category',
          type: 'doughnut',
          by: 'category',
          measure: { field: 'id', aggregation: 'count', alias: 'Products' },
        },
        {
          key: 'stock',
          title: 'In stock by category',
          type: 'bar',
          by: 'category',
          measure: { field: 'stock', aggregation: 'sum', alias: 'In stock' },
        },
      ],
    },
  },
];

/**
 * @param {string} name
 * @param {string} title
 * @param {Array<{ name: string }>} fields
 */
function collection(name, title, fields) {
  const id = {
    name: 'id',
    type: 'bigInt',
    interface: 'integer',
    autoIncrement: true,
    primaryKey: true,
    allowNull: false,
    uiSchema: { title: 'ID', type: 'number', 'x-component': 'InputNumber', 'x-read-pretty': true },
  };
  return { name, title, template: 'general', logging: true, autoGenId: false, fields: [id, ...fields] };
}

/**
 * @param {string} name
 * @param {string} title
 */
function text(name, title) {
  return { name, type: 'string', interface: 'input', uiSchema: { title, type: 'string', 'x-component': 'Input' } };
}

/**
 * @param {string} name
 * @param {string} title
 */
function whole(name, title) {
  return {
    name,
    type: 'integer',
    interface: 'integer',
    uiSchema: { title, type: 'number', 'x-component': 'InputNumber' },
  };
}

/**
 * @param {string} name
 * @param {string} title
 * @param {Record<string, string>} colours by value
 */
function choice(name, title, colours) {
  const options = Object.entries(colours).map(([value, color]) => ({ value, label: value, color }));
  return {
    name,
    type: 'string',
    interface: 'select',
    uiSchema: { title, type: 'string', 'x-component': 'Select', enum: options },
  };
}
