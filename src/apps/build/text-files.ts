/** Extensions of files that are imported as their text, as part of a regular expression. */
export const textExtensions = 'txt|html?|css|hbs|handlebars|mustache|ejs|md|ya?ml|svg|xml|csv|sql|graphql|gql';
